import { META_FLAGS_1_6_18 } from '../protocol/command-meta.ts'
import { isSince } from '../protocol/meta-versions.ts'

/**
 * What a memcached version can do, as far as clients can observe. Each field names the first
 * version that has it.
 */
export interface ServerAbilities {
  readonly version: string
  /** Supports `gat` and `gats` (1.5.3). */
  readonly gat: boolean
  /** `lru_crawler metadump` reports slab class and size, and ends with END (1.5.4). */
  readonly fullDumps: boolean
  /** Dumps accept the range `hash` (1.6.9). */
  readonly dumpsByHash: boolean
  /** Supports `lru mode` and `lru temp_ttl` (1.5.0). */
  readonly lruModes: boolean
  /** Closes the connection on an HTTP request (1.5.0). */
  readonly hangsUpOnHttp: boolean
  /** Replies EN to `mn`: has meta commands, but with their first syntax (1.5.19 to 1.6.9). */
  readonly experimentalMeta: boolean
  /**
   * Collects replies before it sends them: an error in a get drops the replies before it, and dumps
   * fail behind other commands (1.6.0).
   */
  readonly gathersReplies: boolean
  /** Admin commands reject malformed numbers (1.6.0); older servers read them as 0. */
  readonly checksNumbers: boolean
  /**
   * Supports meta commands with today's syntax (1.6.10). Before that, this server replies ERROR to
   * them.
   */
  readonly meta: boolean
  /** The letters of the meta flags that it supports. */
  readonly metaFlags: string
  /** Formats meta replies as 1.6.18 does: no trailing spaces, and misses repeat opaque and key. */
  readonly tidyMeta: boolean
  /** Supports `lru_crawler mgdump` (1.6.19). */
  readonly mgdump: boolean
  /** `ms` with flag s returns the size (1.6.20). */
  readonly setReturnsSize: boolean
  /** `ms` in mode A or P with `N<ttl>` creates a missing item (1.6.20). */
  readonly appendVivifies: boolean
  /** `me` reports the time to expiry with the right sign (1.6.24). */
  readonly signedExpiry: boolean
  /** `flush_all` goes by time alone, and no longer spares items by their CAS id (1.6.25). */
  readonly flushByTimeOnly: boolean
  /** Every attempt to store uses up a CAS id, even a failed one (1.6.27). */
  readonly casPerAttempt: boolean
  /** Parses lines as 1.6.40 does; see CommandParserOptions. */
  readonly strictLines: boolean
  /** Accepts any prefix of an admin command, even an empty one (only 1.6.40). */
  readonly takesPrefixes: boolean
  /** Dumps begin with a line `OK` (1.6.43). */
  readonly dumpsSayOk: boolean
  /**
   * Closes a connection that has not authenticated if its line is too short for credentials
   * (1.6.44).
   */
  readonly hangsUpOnShortAuth: boolean
  /** Numbers must be digits only (1.6.45). */
  readonly strictNumbers: boolean
  /** `mg C<cas>` omits a value that the client already has (1.6.40). */
  readonly conditionalGet: boolean
}

/** Returns what memcached `version` can do. Source: its release notes and doc/protocol.txt. */
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
