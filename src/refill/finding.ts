import { types } from 'node:util'
import type { Look } from '../tags/look.ts'
import type { Tail } from '../tags/tail.ts'
import type { Item, Place } from './store.ts'

/** The state of a key that a read finds. */
export type Verdict = 'fresh' | 'stale' | 'absent'

/**
 * Whether this caller may refill:
 * - `won`: this read won the lease.
 * - `lost`: another client has the lease.
 * - `open`: no client has it; electing one takes another command.
 * - `none`: no refill is due or possible.
 */
export type Election = 'won' | 'lost' | 'open' | 'none'

/**
 * The right of one process to refill one key: it may store once, while the CAS id at `place` is
 * still `cas`. The CAS id is read before the loader starts and never changes while the holder
 * works. So a store that succeeds is newer than every invalidation that had returned before.
 */
export interface Lease {
  readonly place: Place
  readonly cas: string
  /** The item with the CAS id: a value, the placeholder of a miss, or the lock beside the key. */
  readonly on: 'item' | 'placeholder' | 'lock'
  /** The remaining lifetime of a placeholder or lock in seconds; -1 if unknown. */
  readonly leftSeconds: number
}

/**
 * Whether two leases belong to the same item, so that it was neither stored nor marked in between.
 */
export function isSameLease(one: Lease | undefined, { cas, place }: Lease): boolean {
  return one !== undefined && one.cas === cas && one.place === place
}

/** What the holder of a lease reports to waiting clients. */
export type Trouble =
  | 'none'
  /** The loader has taken longer than other callers wait. */
  | 'slow'
  /** The last load of the key failed. */
  | 'failing'

/**
 * Why a value is stale: its ttl ended, a tag changed or cannot be read, or the key was invalidated.
 */
export type StaleBecause = 'ttl' | 'tag' | 'invalidated'

/** The result of a read. */
export interface Finding {
  readonly verdict: Verdict
  readonly election: Election
  /** The value if there is one; a promise while it is being decoded. */
  readonly value: unknown
  /** Returns the value again for another caller: callers never share a mutable value. */
  again(): unknown
  /** Seconds until the value is stale; -1 for never. */
  readonly freshForSeconds: number
  /** Seconds since the value became stale or was invalidated. */
  readonly staleForSeconds: number
  /** The lease that was won, or that another client has. */
  readonly lease: Lease
  readonly trouble: Trouble
  /** Whether there is a value that this client cannot decode. */
  readonly isUnreadable: boolean
  /** Remaining seconds of the item; -1 for no expiry. */
  readonly leftSeconds: number
  /** Why a stale value is stale, if known. */
  readonly staleBecause?: StaleBecause | undefined
  /** The tags stored with the value. */
  readonly tail: Tail | undefined
  /** The versions of its tags, read after the caller came and before any load. */
  readonly look?: Look | undefined
  /** Whether a value that is fresh by its ttl must be marked, to decide by it who refills it. */
  readonly isToMark?: boolean
}

/** The CAS id of all items on a server started with `-C`: nothing can be stored safely there. */
export const NO_CAS = '0'

/** Stands for a value that this client cannot decode. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

/** Returns the decoded value, a promise of it, or UNREADABLE. */
export function readValue(item: Item): unknown {
  try {
    const value = item.decode()
    if (isPromise(value)) {
      // Marks the rejection as handled: there may be no awaiter.
      value.catch(() => {})
      return value
    }
    return value === undefined ? UNREADABLE : value
  } catch {
    return UNREADABLE
  }
}

/** Whether callers may share the same value, because it is immutable. */
export function isImmutable(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function')
}

/**
 * Returns the read result without its value, for a value that cannot be decoded: the key then
 * counts as absent.
 */
export function withoutValue(finding: Finding): Finding {
  const { election, lease } = finding
  const isOpen = election === 'none' && lease.cas !== NO_CAS
  return {
    ...finding,
    verdict: 'absent',
    election: isOpen ? 'open' : election,
    value: undefined,
    again: nothing,
    isUnreadable: true,
  }
}

/**
 * Serves as the `again` of read results without a value, which otherwise decodes the value again.
 */
export function nothing(): undefined {
  return undefined
}

/**
 * How a caller got its value:
 * - `fresh`, `stale`: from the cache.
 * - `miss`: loaded and stored.
 * - `uncached`: loaded but not stored.
 * - `bypass`: loaded while the cache was unreachable.
 */
export type EntryState = 'fresh' | 'stale' | 'miss' | 'uncached' | 'bypass'

/** A value with how it was found. */
export interface RefillEntry<Value = unknown> {
  /** The value that `getOrSet` resolves to. */
  readonly value: Value
  /** How the caller got its value. */
  readonly state: EntryState
  /** Seconds since a stale value stopped being fresh. */
  readonly staleFor?: number
  /**
   * Why a stale value is stale: its `ttl` ended, a `tag` changed or cannot be read, or the key was
   * `invalidated`. Absent if unknown.
   */
  readonly staleBecause?: StaleBecause
  /** Seconds until the value is stale; absent if it never is, or was not stored. */
  readonly ttl?: number
}

/** A value with how it was found, or a promise of it. */
export type SoonEntry = RefillEntry | Promise<RefillEntry>

/** Whether a value, or a value with how it was found, is still pending. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value)
}

/** Returns a fresh value with how it was found. The value may still be decoding. */
export function freshEntry({ value, freshForSeconds }: Finding): SoonEntry {
  const isEndless = freshForSeconds === -1
  return entryOf(value, isEndless ? { state: 'fresh' } : { state: 'fresh', ttl: freshForSeconds })
}

/** Returns a stale value with how it was found. The value may still be decoding. */
export function staleEntry({ value, staleForSeconds, staleBecause }: Finding): SoonEntry {
  const because = staleBecause === undefined ? {} : { staleBecause }
  return entryOf(value, { state: 'stale', staleFor: staleForSeconds, ...because })
}

function entryOf(value: unknown, terms: Omit<RefillEntry, 'value'>): SoonEntry {
  if (isPromise(value)) return value.then((done) => ({ ...terms, value: done }))
  return { ...terms, value }
}

/** Resolves to `fallback` if the load fails and there is one. */
export function guarded(
  entry: Promise<RefillEntry>,
  fallback: RefillEntry | undefined,
): Promise<RefillEntry> {
  return fallback === undefined ? entry : entry.catch(() => fallback)
}
