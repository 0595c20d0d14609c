import { MintringError } from '../errors.ts'
import { twemproxyLabel } from './labels.ts'
import type { Member, Placement } from './placement.ts'
import type { Settings } from './settings.ts'

/** Builds the placement of keys on the servers `members`, according to `settings`. */
export function placementOf(settings: Settings, members: readonly Member[]): Placement {
  if (members.length === 0) {
    throw new MintringError('MINTRING_NO_SERVERS', 'A ring needs at least one live server')
  }
  const { options, hash, pointHash, rules } = settings
  return rules.place({ members: ordered(members, settings.order), options, hash, pointHash })
}

function ordered(members: readonly Member[], order: Settings['order']): readonly Member[] {
  if (order === 'hostname') return [...members].sort(byHostname)
  if (order === 'name') return [...members].sort(byName)
  return members
}

/** Compares as libmemcached's SORT_HOSTS does: host name bytewise, then port. */
function byHostname(a: Member, b: Member): number {
  return compareBytes(a.host, b.host) || a.port - b.port
}

/** Compares as twemproxy sorts a pool: the shorter name first, then bytewise (`string_compare`). */
function byName(a: Member, b: Member): number {
  const nameA = Buffer.from(twemproxyLabel(a))
  const nameB = Buffer.from(twemproxyLabel(b))
  return nameA.length - nameB.length || nameA.compare(nameB)
}

function compareBytes(a: string, b: string): number {
  return Buffer.from(a).compare(Buffer.from(b))
}
