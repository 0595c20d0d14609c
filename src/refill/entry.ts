import { types } from 'node:util'
import type { Finding, StaleBecause } from './finding.ts'

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
