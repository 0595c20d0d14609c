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
  /** Seconds until the value is stale; absent when it never is, or was not stored. */
  readonly ttl?: number
}

/** An entry, or the promise of one. */
export type SoonEntry = RefillEntry | Promise<RefillEntry>

/** The entry of a fresh value. */
export function freshEntry(value: unknown, freshForSeconds: number): SoonEntry {
  const isEndless = freshForSeconds === -1
  return entryOf(value, isEndless ? { state: 'fresh' } : { state: 'fresh', ttl: freshForSeconds })
}

/** The entry of a stale value. */
export function staleEntry(value: unknown, staleForSeconds: number): SoonEntry {
  return entryOf(value, { state: 'stale', staleFor: staleForSeconds })
}

/** The entry, or should it fail, what may be served instead. */
export function guarded(
  entry: Promise<RefillEntry>,
  fallback: RefillEntry | undefined,
): Promise<RefillEntry> {
  return fallback === undefined ? entry : entry.catch(() => fallback)
}

/** A value that is still being decoded makes a promise of the entry. */
function entryOf(value: unknown, terms: Omit<RefillEntry, 'value'>): SoonEntry {
  if (value instanceof Promise) return value.then((done) => ({ ...terms, value: done }))
  return { ...terms, value }
}
