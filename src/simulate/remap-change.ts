import { MintringError } from '../errors.ts'
import { parseServer, type RingServer } from '../ring/server.ts'

/** A change of membership; several at once are one change. */
export interface RemapChange {
  /** How many servers leave (averaged over all of them in turn), or which, by address or name. */
  readonly remove?: number | readonly string[] | undefined
  /** How many servers of weight 1 join (averaged over different newcomers), or which. */
  readonly add?: number | readonly RingServer[] | undefined
  /** Which server makes way for which, at its place in the list. */
  readonly replace?: Readonly<Record<string, RingServer>> | undefined
  /** New weights, by address or name. */
  readonly reweight?: Readonly<Record<string, number>> | undefined
}

/** One way the change can fall. */
export interface Trial {
  /** In words, such as `-10.0.0.3:11211`. */
  readonly change: string
  readonly servers: readonly RingServer[]
}

/** A fleet of `count` servers of weight 1, `10.0.0.1:11211` and on. */
export function generatedServers(count: number): string[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= 100_000)) {
    throw badArgument(`servers must be a list or a whole number from 1 to 100,000, not ${count}`)
  }
  return Array.from({ length: count }, (_, i) => generated(10, i))
}

function generated(net: number, i: number): string {
  const host = i + 1
  return `${net}.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}:11211`
}

/** The change in words: `remove 1, add 2`. */
export function describeChange(change: RemapChange): string {
  const parts: string[] = []
  const { remove, add, replace = {}, reweight = {} } = change
  if (remove !== undefined)
    parts.push(`remove ${typeof remove === 'number' ? remove : remove.join(' ')}`)
  if (add !== undefined) {
    parts.push(
      `add ${typeof add === 'number' ? add : add.map((server) => labelOf(server)).join(' ')}`,
    )
  }
  for (const [old, next] of Object.entries(replace))
    parts.push(`replace ${old} by ${labelOf(next)}`)
  for (const [server, weight] of Object.entries(reweight)) parts.push(`weigh ${server} ${weight}`)
  return parts.join(', ')
}

/**
 * The ways the change can fall, at most `limit` of them spread evenly over the servers: a figure
 * from one host is luck (±8 % of itself on a ring of ten).
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for a change that cannot be.
 */
export function trialsOf(
  servers: readonly RingServer[],
  change: RemapChange,
  limit: number,
): readonly Trial[] {
  checkChange(servers, change)
  const averaged = typeof change.remove === 'number' || typeof change.add === 'number'
  const count = averaged ? Math.max(1, Math.min(limit, servers.length)) : 1
  return Array.from({ length: count }, (_, i) => {
    return trialAt(servers, change, Math.floor((i * servers.length) / count), i)
  })
}

function trialAt(
  servers: readonly RingServer[],
  change: RemapChange,
  first: number,
  trial: number,
): Trial {
  const leaving = leavingServers(servers, change.remove ?? 0, first)
  const joining = joiningServers(change.add ?? 0, trial)
  const replaced = servers.map((server, index) => altered(server, index, servers, change))
  const kept = replaced.filter((_, index) => !leaving.has(index))
  const told = [
    ...[...leaving].map((index) => `-${labelOf(servers[index]!)}`),
    ...joining.map((server) => `+${labelOf(server)}`),
    ...replaced.flatMap((server, index) => {
      if (server === servers[index]) return []
      return [`${labelOf(servers[index]!)} > ${labelOf(server)}:${parseServer(server).weight}`]
    }),
  ]
  return { change: told.join(' '), servers: [...kept, ...joining] }
}

function leavingServers(
  servers: readonly RingServer[],
  remove: number | readonly string[],
  first: number,
): Set<number> {
  if (typeof remove !== 'number') return new Set(remove.map((name) => positionOf(servers, name)))
  return new Set(Array.from({ length: remove }, (_, i) => (first + i) % servers.length))
}

function joiningServers(add: number | readonly RingServer[], trial: number): readonly RingServer[] {
  if (typeof add !== 'number') return add
  return Array.from({ length: add }, (_, i) => generated(11, trial * add + i))
}

function altered(
  server: RingServer,
  index: number,
  servers: readonly RingServer[],
  change: RemapChange,
): RingServer {
  for (const [old, next] of Object.entries(change.replace ?? {})) {
    if (positionOf(servers, old) === index) return next
  }
  for (const [name, weight] of Object.entries(change.reweight ?? {})) {
    if (positionOf(servers, name) !== index) continue
    const { label: _label, ...rest } = parseServer(server)
    return { ...rest, weight }
  }
  return server
}

function positionOf(servers: readonly RingServer[], name: string): number {
  const wanted = parseServer(name).label
  const position = servers.findIndex((server) => {
    const { label } = parseServer(server)
    return label === name || label === wanted
  })
  if (position < 0) throw badArgument(`no server '${name}' to change`)
  return position
}

function checkChange(servers: readonly RingServer[], change: RemapChange): void {
  const { remove, add, replace = {}, reweight = {} } = change
  wholeCount('remove', remove)
  wholeCount('add', add)
  const nothing = describeChange(change) === '' || (remove === 0 && add === undefined)
  if (nothing) throw badArgument('no change asked for: remove, add, replace or reweight')
  const leaving = typeof remove === 'number' ? remove : (remove?.length ?? 0)
  const joining = typeof add === 'number' ? add : (add?.length ?? 0)
  if (leaving > servers.length || servers.length - leaving + joining < 1) {
    throw badArgument(`removing ${leaving} of ${servers.length} servers leaves none`)
  }
  for (const name of [...Object.keys(replace), ...Object.keys(reweight)]) positionOf(servers, name)
}

function wholeCount(name: string, value: unknown): void {
  if (typeof value !== 'number' || (Number.isInteger(value) && value >= 0 && value <= 100_000))
    return
  throw badArgument(`${name} must be a whole number, not ${value}`)
}

function labelOf(server: RingServer): string {
  return parseServer(server).label
}

function badArgument(why: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `Bad remap: ${why}`)
}
