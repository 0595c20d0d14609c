import { META_FLAGS_1_6_18 } from '../protocol/command-meta.ts'
import { isSince } from '../protocol/meta-versions.ts'

/** What a memcached of some version can do, as far as clients can tell. */
export interface ServerAbilities {
  readonly version: string
  /** `gat` and `gats` (1.5.3). */
  readonly gat: boolean
  /** `lru_crawler metadump` tells slab class and size, and ends with END (1.5.4). */
  readonly fullDumps: boolean
  /** Dumps take the range `hash` (1.6.9). */
  readonly dumpsByHash: boolean
  /** `lru mode` and `lru temp_ttl` (1.5.0). */
  readonly lruModes: boolean
  /** The connection is closed on a request of HTTP (1.5.0). */
  readonly hangsUpOnHttp: boolean
  /** `mn` says EN: the meta commands are there in their first form (1.5.19 to 1.6.9). */
  readonly experimentalMeta: boolean
  /** Replies are gathered: an error in a get drops those before, and dumps refuse them (1.6.0). */
  readonly gathersReplies: boolean
  /** Admin commands refuse malformed numbers (since 1.6.0); older servers read them as 0. */
  readonly checksNumbers: boolean
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
  /** Every attempt to store takes a CAS id, those that fail included (1.6.27). */
  readonly casPerAttempt: boolean
  /** Lines are read by the parser of 1.6.40; see CommandParserOptions. */
  readonly strictLines: boolean
  /** Commands of administration may be cut short, down to nothing at all (1.6.40 alone). */
  readonly takesPrefixes: boolean
  /** Dumps begin with a line `OK` (1.6.43). */
  readonly dumpsSayOk: boolean
  /** A line too short for credentials ends the connection that owes them (1.6.44). */
  readonly hangsUpOnShortAuth: boolean
  /** Numbers are digits alone (1.6.45). */
  readonly strictNumbers: boolean
  /** `mg C<cas>` leaves out a value the client already has (1.6.40). */
  readonly conditionalGet: boolean
}

/** What memcached `version` can do. Source: its release notes and doc/protocol.txt. */
export function abilitiesOf(version: string): ServerAbilities {
  const since = (first: string): boolean => isSince(version, first)
  return {
    version,
    gat: since('1.5.3'),
    fullDumps: since('1.5.4'),
    dumpsByHash: since('1.6.9'),
    lruModes: since('1.5.0'),
    hangsUpOnHttp: since('1.5.0'),
    experimentalMeta: since('1.5.19') && !since('1.6.10'),
    gathersReplies: since('1.6.0'),
    checksNumbers: since('1.6.0'),
    meta: since('1.6.10'),
    metaFlags: META_FLAGS_1_6_18 + (since('1.6.27') ? 'Ex' : ''),
    tidyMeta: since('1.6.18'),
    mgdump: since('1.6.19'),
    setReturnsSize: since('1.6.20'),
    appendVivifies: since('1.6.20'),
    signedExpiry: since('1.6.24'),
    flushByTimeOnly: since('1.6.25'),
    casPerAttempt: since('1.6.27'),
    conditionalGet: since('1.6.40'),
    strictLines: since('1.6.40'),
    takesPrefixes: since('1.6.40') && !since('1.6.41'),
    dumpsSayOk: since('1.6.43'),
    hangsUpOnShortAuth: since('1.6.44'),
    strictNumbers: since('1.6.45'),
  }
}
