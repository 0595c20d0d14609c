import { readU64 } from '../protocol/command-number.ts'
import type { Engine } from './engine.ts'
import { EmbeddedItem } from './item.ts'
import { isChunked } from './slab-classes.ts'

/** How a store command treats what is there already. */
export type StorageMode = 'set' | 'add' | 'replace' | 'append' | 'prepend' | 'cas'

/** What became of it, in the words of the text protocol. */
export type StoreResult = 'STORED' | 'NOT_STORED' | 'EXISTS' | 'NOT_FOUND'

/** The conditions a meta set may bring along. */
export interface StoreConditions {
  /** The CAS the present item must have; 0 asks for nothing (and `cas` then finds EXISTS). */
  readonly cas: bigint
  /** `ms I`: an older CAS stores the value, marked stale. */
  readonly acceptStale: boolean
  /** `ms E`: the CAS the item gets. */
  readonly explicitCas: bigint | undefined
}

const MAX_UINT64 = 18_446_744_073_709_551_615n

/** The verdict of a store command. */
export interface Stored {
  readonly result: StoreResult
  /** The CAS of the item now, 0 when it was not stored. */
  readonly cas: bigint
  /** Bytes of the value as it was stored, or of the one that was not. */
  readonly bytes: number
}

/** Stores `item` in `mode`. Source: do_store_item() in memcached.c. */
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

/** The item that was linked, or why none was. */
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

/** Whether `cas` may store; with `ms I` an older CAS may too, and the item then stays stale. */
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

/** What incr and decr may meet. */
export type DeltaResult = 'ok' | 'not_found' | 'cas_mismatch' | 'non_numeric'

/** The outcome of addDelta; with 'ok', the new value and the item the reply speaks of. */
export interface Delta {
  readonly result: DeltaResult
  readonly value: bigint
  readonly item: EmbeddedItem | undefined
}

function failed(result: DeltaResult): Delta {
  return { result, value: 0n, item: undefined }
}

/**
 * Adds to (or takes from) the decimal number stored under `key`: up wraps at 2^64, down stops at 0.
 * A number that still fits is written in place, padded with spaces; a longer one makes a new item,
 * and the reply then speaks of the old one, so a TTL given with `ma T` is lost as it is in
 * memcached. Source: do_add_delta() in memcached.c.
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
