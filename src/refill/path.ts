import type { Policy } from './policy.ts'
import type { Encoded, Item, Reader, ReadHandle } from './store.ts'
import type { Finding, Lease } from './verdict.ts'

/**
 * One way of keeping refills apart on the wire: by meta commands, by meta commands with a lock
 * beside the key, or by classic commands. Everything above is the same for all.
 */
export interface Path {
  read(key: string, policy: Policy, reader: Reader): ReadHandle
  /** A value nobody has to care for. */
  isPlainlyFresh(item: Item, policy: Policy): boolean
  /** Its value; a promise when decoding has to wait. */
  freshValue(item: Item): unknown
  judge(item: Item, policy: Policy): Finding
  /** Tries for the lease that a reading left `open`. Answers what is there now, never `open`. */
  contest(key: string, policy: Policy, finding: Finding): Promise<Finding>
  /** Whether a lease outlives its dead holder on the server, so that others must take it over. */
  readonly leasesOutliveHolders: boolean
  /** Takes the lease of a dead holder. Answers what is there now, when that worked. */
  takeOver(key: string, policy: Policy, lease: Lease): Promise<Finding | undefined>
  /** Answers the lease as it is from now on, or undefined when it was lost. */
  renew(key: string, policy: Policy, lease: Lease): Promise<Lease | undefined>
  /** Answers false when something newer had happened: nothing was stored then. */
  store(key: string, policy: Policy, lease: Lease, entry: Entry): Promise<boolean>
  /** Lets another client refill now. */
  release(key: string, lease: Lease): Promise<void>
  /** Marks stale. Answers whether there was something. The policy is the key's, or a guess. */
  invalidate(key: string, policy: Policy): Promise<boolean>
  /** Marks stale and tries for the lease of what is now. */
  restart(key: string, policy: Policy): Promise<Finding>
}

/** What a refill stores. */
export interface Entry {
  readonly encoded: Encoded
  /** How long it is fresh. */
  readonly ttlSeconds: number
}

/** The suffix of the lock beside a key. */
export const LOCK_SUFFIX = ':lock'
