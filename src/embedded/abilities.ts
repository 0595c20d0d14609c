import { META_FLAGS_1_6_18 } from '../protocol/command-meta.ts'

/** What a memcached of some version can do, as far as clients can tell. */
export interface Abilities {
  readonly version: string
  /** Meta commands in their present form (1.6.10). Before, they answer ERROR here. */
  readonly meta: boolean
  /** The letters of the meta flags it knows. */
  readonly metaFlags: string
  /** Meta replies as 1.6.18 made them: no stray spaces, misses echo opaque and key. */
  readonly tidyMeta: boolean
  /** `lru_crawler mgdump` (1.6.19). */
  readonly mgdump: boolean
  /** `ms s` returns the size (1.6.20). */
  readonly setReturnsSize: boolean
  /** `ms ... MA N<ttl>` and `MP` create what is missing (1.6.20). */
  readonly appendVivifies: boolean
  /** `me` tells the time to expiry with the right sign (1.6.24). */
  readonly signedExpiry: boolean
  /** `flush_all` spares nothing by its CAS (1.6.25). */
  readonly flushByTimeOnly: boolean
  /** `mg C<cas>` leaves out a value the client already has (1.6.40). */
  readonly conditionalGet: boolean
}

/** Orders versions such as `1.6.18`; anything after the third number is ignored. */
function versionNumber(version: string): number {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10))
  const [major = 0, minor = 0, patch = 0] = parts
  return (major * 1000 + minor) * 1000 + patch
}

/** What memcached `version` can do. Source: its release notes and doc/protocol.txt. */
export function abilitiesOf(version: string): Abilities {
  const number = versionNumber(version)
  const since = (first: string): boolean => number >= versionNumber(first)
  return {
    version,
    meta: since('1.6.10'),
    metaFlags: META_FLAGS_1_6_18 + (since('1.6.27') ? 'Ex' : ''),
    tidyMeta: since('1.6.18'),
    mgdump: since('1.6.19'),
    setReturnsSize: since('1.6.20'),
    appendVivifies: since('1.6.20'),
    signedExpiry: since('1.6.24'),
    flushByTimeOnly: since('1.6.25'),
    conditionalGet: since('1.6.40'),
  }
}
