import { badArgument, tagOf } from '../../arguments.ts'
import type { MintringError } from '../../errors.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import type { ClientCore } from '../core.ts'
import { DistinctKeys } from '../distinct-keys.ts'
import type { KeyBatch } from './many.ts'

/** The entries of a setMany: a Map, an object, or [key, value] pairs. */
export type Entries<Value> = Iterable<readonly [string, Value]> | Readonly<Record<string, Value>>

/** The distinct keys of a setMany, and the value of each. */
export interface EntryBatch extends KeyBatch {
  readonly values: unknown[]
}

/**
 * Returns the entries of a setMany, of each key the last one. Throws MINTRING_BAD_ARGUMENT for
 * anything else, and MINTRING_BAD_KEY.
 */
export async function checkEntries(
  core: ClientCore,
  entries: Entries<unknown>,
): Promise<EntryBatch> {
  const slice = new TimeSlice()
  const distinct = new DistinctKeys(core.keys)
  const values: unknown[] = []
  const repeated = new Map<string, unknown>()
  for (const entry of pairsOf(entries)) {
    if (!Array.isArray(entry) || entry.length !== 2) throw noPairs()
    if (distinct.add(entry[0])) values.push(entry[1])
    else repeated.set(entry[0], entry[1])
    if (slice.isOver()) await slice.next()
  }
  distinct.trim()
  const { keys, wireKeys } = distinct
  for (let at = 0; at < keys.length && repeated.size > 0; at++) {
    if (repeated.has(keys[at]!)) values[at] = repeated.get(keys[at]!)
    if (slice.isOver()) await slice.next()
  }
  return { keys, wireKeys, values, sent: { attempts: 0, bytes: 0 } }
}

function pairsOf<Value>(entries: Entries<Value>): Iterable<readonly [string, Value]> {
  if (typeof entries === 'object' && entries !== null) {
    if (Symbol.iterator in entries) return entries as Iterable<readonly [string, Value]>
    const pairs = Object.entries(entries)
    const isPromise = typeof (entries as { then?: unknown }).then === 'function'
    // A Date or a RegExp has no own entries, and would be stored as nothing.
    const isEmptyClass = pairs.length === 0 && tagOf(entries) !== 'Object'
    if (!isPromise && !isEmptyClass) return pairs
    if (isPromise) throw noPairs(': await the promise')
  }
  throw noPairs()
}

function noPairs(instead = ''): MintringError {
  const wanted = 'setMany() takes a Map, an object, or an iterable of [key, value] pairs'
  return badArgument(wanted + instead)
}
