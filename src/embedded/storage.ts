import { readU64 } from '../protocol/command-number.ts'
import type { Engine } from './engine.ts'
import { EmbeddedItem } from './item.ts'
import { isChunked } from './slab-classes.ts'

/** The store commands of the text protocol. */
export type StorageMode = 'set' | 'add' | 'replace' | 'append' | 'prepend' | 'cas'

/** The reply to a store command, in the words of the text protocol. */
export type StoreResult = 'STORED' | 'NOT_STORED' | 'EXISTS' | 'NOT_FOUND'

/** The conditions of a meta set. */
export interface StoreConditions {
  /**
   * The CAS id that the current item must have. 0 means no condition (for `cas`: always EXISTS).
   */
  readonly cas: bigint
  /** `ms I`: store the value even with an older CAS id, but mark it stale. */
  readonly acceptStale: boolean
  /** `ms E`: the new CAS id of the item. */
  readonly explicitCas: bigint | undefined
}

const MAX_UINT64 = 18_446_744_073_709_551_615n

/** The result of a store command. */
export interface Stored {
  readonly result: StoreResult
  /** The new CAS id of the item; 0 if it was not stored. */
  readonly cas: bigint
  /** The size of the value in bytes, even if it was not stored. */
  readonly bytes: number
}

/** Stores `item` with the command `mode`. Source: do_store_item() in memcached.c. */
export function storeItem(
  engine: Engine,
  mode: StorageMode,
  item: EmbeddedItem,
  asked: StoreConditions,
): Stored {
  const { abilities, store } = engine
  const explicitCas = asked.explicitCas ?? (abilities.casPerAttempt ? store.nextCas() : undefined)
  const conditions = { ...asked, explicitCas }
  const old = store.find(item.key)
  const outcome =
    old === undefined
      ? storeNew(engine, mode, item, conditions)
      : storeOver(engine, mode, item, old, conditions)
  if (engine.watchers.active) {
    engine.watchers.stored(mode, typeof outcome === 'string' ? outcome : 'STORED', item)
  }
  if (typeof outcome === 'string') return { result: outcome, cas: 0n, bytes: item.value.length }
  return { result: 'STORED', cas: outcome.cas, bytes: outcome.value.length }
}

/** The stored item, or why none was stored. */
type Outcome = EmbeddedItem | Exclude<StoreResult, 'STORED'>

function storeNew(
  engine: Engine,
  mode: StorageMode,
  item: EmbeddedItem,
  conditions: StoreConditions,
): Outcome {
  if (mode === 'add' || mode === 'set') {
    engine.store.link(item, conditions.explicitCas)
    return item
  }
  if (mode !== 'cas') return 'NOT_STORED'
  engine.tally.casMisses++
  return 'NOT_FOUND'
}

function storeOver(
  engine: Engine,
  mode: StorageMode,
  item: EmbeddedItem,
  old: EmbeddedItem,
  conditions: StoreConditions,
): Outcome {
  const { store } = engine
  const { cas, explicitCas } = conditions
  let stored = item
  switch (mode) {
    case 'add':
      old.time = store.now
      return 'NOT_STORED'
    case 'cas':
      if (!casAllows(item, old, conditions)) {
        store.tallyOf(old).casBadValues++
        return 'EXISTS'
      }
      store.tallyOf(old).casHits++
      break
    case 'append':
    case 'prepend': {
      if (cas !== 0n && cas !== old.cas) return 'EXISTS'
      stored = joined(engine, mode, old, item)
      if (stored.bytes > engine.settings.maxItemBytes) return 'NOT_STORED'
      break
    }
  }
  store.replace(old, stored, explicitCas)
  return stored
}

/**
 * Returns whether `cas` may store. With `ms I` an older CAS id may too; the item is then marked
 * stale.
 */
function casAllows(item: EmbeddedItem, old: EmbeddedItem, conditions: StoreConditions): boolean {
  if (conditions.cas === 0n) return false
  if (conditions.cas === old.cas) return true
  if (!conditions.acceptStale || conditions.cas > old.cas) return false
  item.exptime = old.exptime
  item.stale = true
  item.tokenSent = old.tokenSent
  return true
}

function joined(
  engine: Engine,
  mode: 'append' | 'prepend',
  old: EmbeddedItem,
  added: EmbeddedItem,
): EmbeddedItem {
  const parts = mode === 'append' ? [old.value, added.value] : [added.value, old.value]
  return new EmbeddedItem(
    old.key,
    old.flags,
    old.exptime,
    Buffer.concat(parts),
    engine.store.hasCas,
  )
}

/** The result of an incr or decr. */
export type DeltaResult = 'ok' | 'not_found' | 'cas_mismatch' | 'non_numeric'

/** The result of addDelta(). For 'ok', the new value and the item to which the reply refers. */
export interface Delta {
  readonly result: DeltaResult
  readonly value: bigint
  readonly item: EmbeddedItem | undefined
}

function failed(result: DeltaResult): Delta {
  return { result, value: 0n, item: undefined }
}

/**
 * Adds to the decimal number stored under `key`, or subtracts from it. Adding wraps at 2^64,
 * subtracting stops at 0. A number that fits is written in place, padded with spaces. A longer one
 * creates a new item, but the reply still refers to the old one, so a TTL given with `ma T` is
 * lost, as in memcached. Source: do_add_delta() in memcached.c.
 */
export function addDelta(
  engine: Engine,
  key: string,
  up: boolean,
  delta: bigint,
  cas: bigint,
): Delta {
  const { store } = engine
  const item = store.find(key)
  if (item === undefined) return failed('not_found')
  if (item.value.length === 0 || isChunked(item.bytes)) return failed('non_numeric')
  if (cas !== 0n && cas !== item.cas) return failed('cas_mismatch')
  const present = readU64(item.value, 0, item.value.length)
  if (present === undefined) return failed('non_numeric')
  const value = up ? (present + delta) & MAX_UINT64 : delta > present ? 0n : present - delta
  const tally = store.tallyOf(item)
  if (up) tally.incrHits++
  else tally.decrHits++
  writeNumber(engine, item, value.toString())
  return { result: 'ok', value, item }
}

function writeNumber(engine: Engine, item: EmbeddedItem, digits: string): void {
  const { store } = engine
  if (digits.length <= item.value.length && item.heldInTurn !== store.turn) {
    item.cas = store.nextCas()
    item.value = Buffer.from(digits.padEnd(item.value.length, ' '), 'latin1')
    item.time = store.now
    return
  }
  const longer = new EmbeddedItem(
    item.key,
    item.flags,
    item.exptime,
    Buffer.from(digits),
    store.hasCas,
  )
  store.replace(item, longer)
  item.cas = longer.cas
}
