import type { Finding, Lease, Trouble } from './finding.ts'
import type { Policy } from './policy.ts'
import type { EncodedItem, Item, KeyHome, Reader, ReadHandle } from './store.ts'
import type { Tail } from './tags/tail.ts'
import { withTail } from './tags/tail.ts'

/**
 * One way of keeping refills apart on the wire: by meta commands, by meta commands with a lock
 * beside the key, or by classic commands. Everything above is the same for all.
 *
 * Laws that every path keeps, in whatever order and with whatever delay its commands arrive:
 * 1. A lease's CAS id is read before its loader begins, and the holder never changes it.
 * 2. A store succeeds only under that CAS id, and every invalidation, set and delete changes it.
 * 3. A value is called fresh only after it was stored so.
 */
export interface Path {
  /** `earlySeconds`: how long before it is stale this process wants a value refilled. */
  read(key: string, policy: Policy, earlySeconds: number, reader: Reader): ReadHandle
  /** A fresh value with no lease involved: the fast path. */
  isPlainlyFresh(item: Item, policy: Policy, earlySeconds: number): boolean
  /** `decoded`: the value, where it was decoded already. */
  judge(item: Item, policy: Policy, earlySeconds: number, decoded?: unknown): Finding
  /**
   * Tries for a lease that is `open`, and looks after one that is `lost`: takes it over from a
   * holder that died.
   */
  elect(key: string, policy: Policy, finding: Finding): Promise<Elected>
  /** Tells others that the holder lives. */
  beat(key: string, policy: Policy, lease: Lease, trouble: Trouble): Promise<void>
  /** Has the whole fleet wait for `errorBackoff` before the next attempt. */
  pause(key: string, policy: Policy, lease: Lease): Promise<void>
  /** Lets another client refill now. */
  release(key: string, policy: Policy, lease: Lease): Promise<void>
  /** Resolves to false when something newer had happened: nothing was stored then. */
  store(key: string, policy: Policy, lease: Lease, entry: FoundEntry): Promise<boolean>
  /** Marks stale. Resolves to whether there was something. The policy is the key's, or a guess. */
  invalidate(key: string, policy: Policy, home?: KeyHome): Promise<boolean>
}

/** What came of an election. */
export interface Elected {
  /** Never `open`. */
  readonly finding: Finding
  /** A dead holder had the lease. */
  readonly isTakeover?: boolean
  /** For how long there is no reason to try again. */
  readonly goodForMs: number
}

/** What a refill stores. */
export interface FoundEntry {
  readonly encoded: EncodedItem
  /** How long it is fresh. */
  readonly ttlSeconds: number
  /** Too short-lived to be refilled early. */
  readonly isTooShort: boolean
  /** What the value carries of its tags. */
  readonly tail: Tail | undefined
}

/** The value with the bits of a refill, and where it has tags with those and its tail. */
export function stamped({ encoded, tail }: FoundEntry, bits: number, tagBits: number): EncodedItem {
  const { body, flags } = encoded
  if (tail === undefined) return { body, flags: flags + bits }
  return { body: withTail(body, tail), flags: flags + bits + tagBits }
}

/** How long a lost election is not tried again where no server tells how long it will stay so. */
export const ELECTION_PAUSE_MS = 250

/** Another has the lease, and that is so for a while. */
export function lost(finding: Finding, trouble: Trouble, goodForMs = ELECTION_PAUSE_MS): Elected {
  return { finding: { ...finding, election: 'lost', trouble, isToMark: false }, goodForMs }
}

/** The lease is ours. */
export function won(finding: Finding, trouble: Trouble, isTakeover = false): Elected {
  const now: Finding = { ...finding, election: 'won', trouble, isToMark: false }
  return { finding: now, isTakeover, goodForMs: 0 }
}

/** What was found makes all further trying needless. */
export function decided(finding: Finding): Elected {
  return { finding, goodForMs: 0 }
}
