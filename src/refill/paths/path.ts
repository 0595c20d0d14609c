import type { Tail } from '../../tags/tail.ts'
import { withTail } from '../../tags/tail.ts'
import type { Finding, Lease, Trouble } from '../finding.ts'
import type { Policy } from '../policy.ts'
import type { EncodedItem, Item, KeyHome } from '../store.ts'

/**
 * A protocol for leases: by meta commands, by meta commands with a lock beside the key, or by
 * classic commands. The code above is the same for all.
 *
 * Rules that every path keeps, in whatever order and with whatever delay its commands arrive:
 * 1. A lease's CAS id is read before its loader starts, and the holder never changes it.
 * 2. A store succeeds only under that CAS id, and every invalidation, set and delete changes it.
 * 3. A value counts as fresh only after it was stored so.
 *
 * Each server of a pool has its own path, and a lease belongs to one server: all commands of it go
 * there only, and by this path only. A key whose server is replaced by one of another kind has no
 * lease there, and its old lease stores nothing more.
 */
export interface Path {
  /**
   * Whether a value is fresh and has no lease: the fast path. `earlySeconds`: how long before it is
   * stale this process refills a value.
   */
  isPlainlyFresh(item: Item, policy: Policy, earlySeconds: number): boolean
  /** Judges an item. `decoded`: its value, if it is decoded already. */
  judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding
  /** Tries for a lease that is `open`; takes over a `lost` one whose holder has died. */
  elect(key: string, policy: Policy, finding: Finding): Promise<Elected>
  /** Shows other clients that the holder is alive. */
  beat(key: string, policy: Policy, lease: Lease, trouble: Trouble): Promise<void>
  /** Makes the whole fleet wait for `errorBackoff` before the next attempt. */
  pause(key: string, policy: Policy, lease: Lease): Promise<void>
  /** Gives the lease up, so that another client may refill now. */
  release(key: string, policy: Policy, lease: Lease): Promise<void>
  /** Stores a value; resolves to false, without storing, if the key has changed since the lease. */
  store(key: string, policy: Policy, lease: Lease, entry: FoundEntry): Promise<boolean>
  /** Marks a key stale; resolves to whether there was a value. */
  invalidate(key: string, window: StaleWindow, home?: KeyHome): Promise<boolean>
}

/** How long an invalidated value may be stale. */
export interface StaleWindow {
  readonly graceSeconds: number
  /**
   * Whether the key's policy says so. If not, a refilled value keeps its lifetime, because its
   * readers know their policy. Plain sets, and keys that other programs read, get these seconds.
   */
  readonly isKnown: boolean
}

/** The result of trying for a lease. */
export interface Elected {
  /** The read result. `election`, which says who may refill, is never `open` here. */
  readonly finding: Finding
  /** Whether a dead holder had the lease. */
  readonly isTakeover?: boolean
  /** For how many ms the result counts: no other caller need try for the lease meanwhile. */
  readonly goodForMs: number
}

/** The value that a refill stores. */
export interface FoundEntry {
  readonly encoded: EncodedItem
  /** How long the value is fresh, in seconds. */
  readonly ttlSeconds: number
  /** Whether the value's lifetime is too short for an early refresh. */
  readonly isTooShort: boolean
  /** The tags to store with the value. */
  readonly tail: Tail | undefined
}

/**
 * Returns the value with the flag bits of a refill; a tagged value also with the tag bits and its
 * tail.
 */
export function stamped({ encoded, tail }: FoundEntry, bits: number, tagBits: number): EncodedItem {
  const { body, flags } = encoded
  if (tail === undefined) return { body, flags: flags + bits }
  return { body: withTail(body, tail), flags: flags + bits + tagBits }
}

/**
 * How long to wait before trying for a lease again, if the server does not tell how long its holder
 * keeps it.
 */
export const ELECTION_PAUSE_MS = 250

/** Returns the result for a lease that another client holds. */
export function lost(finding: Finding, trouble: Trouble, goodForMs = ELECTION_PAUSE_MS): Elected {
  return { finding: { ...finding, election: 'lost', trouble, isToMark: false }, goodForMs }
}

/** Returns the result for a lease that this process won. */
export function won(finding: Finding, trouble: Trouble, isTakeover = false): Elected {
  const now: Finding = { ...finding, election: 'won', trouble, isToMark: false }
  return { finding: now, isTakeover, goodForMs: 0 }
}

/** Returns a read result after which no caller has to ask the server again who may load. */
export function decided(finding: Finding): Elected {
  return { finding, goodForMs: 0 }
}
