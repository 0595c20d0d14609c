import { badArgument, tagOf } from '../../arguments.ts'
import type { MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'

/** The entries of a setMany: a Map, an object, or [key, value] pairs. */
export type Entries<Value> = Iterable<readonly [string, Value]> | Readonly<Record<string, Value>>

/** Returns the entries of a setMany. Throws MINTRING_BAD_ARGUMENT for anything else. */
export async function mapOf<Value>(entries: Entries<Value>): Promise<Map<string, Value>> {
  const pace = new DialPace()
  const map = new Map<string, Value>()
  for (const entry of pairsOf(entries)) {
    if (!Array.isArray(entry) || entry.length !== 2) throw noPairs()
    map.set(entry[0], entry[1])
    if (pace.isDue()) await pace.rest()
  }
  return map
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
