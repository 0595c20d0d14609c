import { types } from 'node:util'
import type { Finding, StaleBecause } from './finding.ts'

/**
 * How a caller got its value. `fresh`, `stale`: from the cache. `miss`: loaded and stored.
 * `uncached`: loaded, but not stored. `bypass`: loaded while the cache could not be reached.
 */
export type EntryState = 'fresh' | 'stale' | 'miss' | 'uncached' | 'bypass'

/** A value with how it came. */
export interface RefillEntry<Value = unknown> {
  /** What `getOrSet` resolves to. */
  readonly value: Value
  /** How the caller got it. */
  readonly state: EntryState
  /** Seconds since a stale value stopped being fresh. */
  readonly staleFor?: number
  /**
   * Why a stale value is stale: its `ttl` ended, a `tag` of it has changed or cannot be read, or it
   * was `invalidated` itself. Absent where that cannot be told.
   */
  readonly staleBecause?: StaleBecause
  /** Seconds until the value is stale; absent when it never is, or was not stored. */
  readonly ttl?: number
}

/** An entry, or the promise of one. */
export type SoonEntry = RefillEntry | Promise<RefillEntry>

/** Whether a value is still being decoded, or an entry still to come. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value)
}

/** The entry of a fresh value, which may still be in decoding. */
export function freshEntry({ value, freshForSeconds }: Finding): SoonEntry {
  const isEndless = freshForSeconds === -1
  return entryOf(value, isEndless ? { state: 'fresh' } : { state: 'fresh', ttl: freshForSeconds })
}

/** The entry of a stale value, which may still be in decoding. */
export function staleEntry({ value, staleForSeconds, staleBecause }: Finding): SoonEntry {
  const because = staleBecause === undefined ? {} : { staleBecause }
  return entryOf(value, { state: 'stale', staleFor: staleForSeconds, ...because })
}

function entryOf(value: unknown, terms: Omit<RefillEntry, 'value'>): SoonEntry {
  if (isPromise(value)) return value.then((done) => ({ ...terms, value: done }))
  return { ...terms, value }
}

/** The entry, or should it fail, what may be served instead. */
export function guarded(
  entry: Promise<RefillEntry>,
  fallback: RefillEntry | undefined,
): Promise<RefillEntry> {
  return fallback === undefined ? entry : entry.catch(() => fallback)
}
