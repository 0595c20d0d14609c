import type { Command } from '../protocol/command.ts'
import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import type { Engine } from './engine.ts'
import { type EmbeddedReply, type Exchange, type Handler, replying } from './exchange.ts'
import { EmbeddedItem } from './item.ts'
import { addDelta, type StorageMode, storeItem } from './storage.ts'

const BAD_FORMAT = 'CLIENT_ERROR bad command line format'
/** The key under which older configuration endpoints store the reply of `config get cluster`. */
const CLUSTER_KEY = 'AmazonElastiCache:cluster'
const NON_NUMERIC = 'CLIENT_ERROR cannot increment or decrement non-numeric value'

/** Makes the handler of get, gets, gat or gats. Source: process_get_command() in proto_text.c. */
function retrieve(withCas: boolean, touching: boolean): Handler {
  return (exchange, command) => {
    const { engine, writer } = exchange
    const { line } = command
    if (line.count < (touching && !engine.abilities.gathersReplies ? 3 : 2)) {
      writer.line('ERROR')
      return
    }
    // Up to 1.5, an error drops only the replies of its own line; from 1.6 on, earlier ones too.
    if (!engine.abilities.gathersReplies) writer.settle()
    const exptime = touching ? line.i32(1) : 0
    if (Number.isNaN(exptime)) {
      writer.line('CLIENT_ERROR invalid exptime argument')
      return
    }
    for (let index = touching ? 2 : 1; index < line.count; index++) {
      if (line.width(index) > MAX_KEY_BYTES) {
        refuseKey(exchange)
        return
      }
      const item = fetch(exchange, line.text(index), touching ? exptime : undefined)
      if (item === undefined) continue
      item.heldInTurn = engine.store.turn
      writer.value(item.key, item.flags, item.value, withCas ? item.cas : undefined)
    }
    writer.line('END')
    // Before 1.6.40, memcached sends the replies to a get at once, so a later error keeps them.
    if (!engine.abilities.strictLines) exchange.settle()
  }
}

/**
 * Replies with the error for a get whose key is too long, and drops the replies that were not sent
 * yet.
 */
function refuseKey({ engine, writer }: Exchange): void {
  writer.discard()
  writer.line(BAD_FORMAT)
  // The error already contains a line end, and memcached adds another one.
  if (engine.abilities.strictLines) writer.line('')
}

function fetch(
  exchange: Exchange,
  key: string,
  touchTo: number | undefined,
): EmbeddedItem | undefined {
  const { engine } = exchange
  const { store, tally } = engine
  if (engine.settings.config && key === CLUSTER_KEY) return clusterItem(engine)
  const item = store.find(key)
  if (engine.prefixes.enabled) engine.prefixes.get(key, item !== undefined)
  if (touchTo === undefined) tally.getCommands++
  else tally.touchCommands++
  if (item === undefined) {
    if (touchTo === undefined) tally.getMisses++
    else tally.touchMisses++
    return undefined
  }
  store.bump(item)
  const counters = store.tallyOf(item)
  if (touchTo === undefined) {
    counters.getHits++
  } else {
    counters.touchHits++
    item.exptime = store.time.expiry(touchTo, store.now)
  }
  return item
}

function clusterItem({ cluster }: Engine): EmbeddedItem | undefined {
  return cluster.value && new EmbeddedItem(CLUSTER_KEY, 0, 0, cluster.value, true)
}

/**
 * Makes the handler of set, add, replace, append, prepend or cas. Source: process_update_command().
 */
function update(mode: StorageMode): EmbeddedReply {
  return (exchange, command) => {
    const { engine } = exchange
    const { store, tally } = engine
    if (command.tooLarge) {
      tally.storeTooLarge++
      if (mode === 'set') dropStale(exchange, command.key)
      return 'SERVER_ERROR object too large for cache'
    }
    if (engine.prefixes.enabled) engine.prefixes.set(command.key)
    const item = newItem(exchange, command, command.exptime)
    if (item.bytes > store.maxBytes) {
      tally.storeNoMemory++
      if (mode === 'set') dropStale(exchange, command.key)
      return 'SERVER_ERROR out of memory storing object'
    }
    store.tallyOf(item).setCommands++
    if (!command.dataEndsWell) {
      return 'CLIENT_ERROR bad data chunk'
    }
    const conditions = { cas: command.cas, acceptStale: false, explicitCas: undefined }
    return storeItem(engine, mode, item, conditions).result
  }
}

/** Creates the item of a storage command. */
export function newItem(exchange: Exchange, command: Command, exptime: number): EmbeddedItem {
  const { store } = exchange.engine
  const expiry = store.time.expiry(exptime, store.now)
  return new EmbeddedItem(command.key, command.flags, expiry, command.takeValue(), store.hasCas)
}

/** Deletes the old value after a failed store: memcached prefers a miss to an outdated value. */
export function dropStale(exchange: Exchange, key: string): void {
  const { store } = exchange.engine
  const old = store.find(key)
  if (old !== undefined) store.unlink(old)
}

/**
 * Returns whether a line has neither three nor four words. memcached 1.6.40 and later accept more.
 */
function hasWrongCount({ engine }: Exchange, { line }: Command): boolean {
  return !engine.abilities.strictLines && line.count !== 3 && line.count !== 4
}

function touch(exchange: Exchange, command: Command): string {
  const { store, tally } = exchange.engine
  const { line } = command
  if (hasWrongCount(exchange, command)) return 'ERROR'
  command.noreply = line.endsInNoreply()
  if (line.width(1) > MAX_KEY_BYTES) return BAD_FORMAT
  const exptime = line.i32(2)
  if (Number.isNaN(exptime)) {
    return 'CLIENT_ERROR invalid exptime argument'
  }
  const item = store.find(line.text(1))
  tally.touchCommands++
  if (item === undefined) {
    tally.touchMisses++
    return 'NOT_FOUND'
  }
  store.bump(item)
  store.tallyOf(item).touchHits++
  item.exptime = store.time.expiry(exptime, store.now)
  return 'TOUCHED'
}

function arithmetic(up: boolean): EmbeddedReply {
  return (exchange, command) => {
    const { tally } = exchange.engine
    const { line } = command
    if (hasWrongCount(exchange, command)) return 'ERROR'
    command.noreply = line.endsInNoreply()
    if (line.width(1) > MAX_KEY_BYTES) return BAD_FORMAT
    const delta = line.u64(2)
    if (delta === undefined) {
      return 'CLIENT_ERROR invalid numeric delta argument'
    }
    const { result, value } = addDelta(exchange.engine, line.text(1), up, delta, 0n)
    if (result === 'ok') return value.toString()
    if (result === 'non_numeric') return NON_NUMERIC
    if (up) tally.incrMisses++
    else tally.decrMisses++
    return 'NOT_FOUND'
  }
}

function remove(exchange: Exchange, command: Command): string {
  const { engine } = exchange
  const { store, tally } = engine
  const { line } = command
  command.noreply = line.endsInNoreply()
  if (!engine.abilities.strictLines) {
    if (line.count < 2 || line.count > 4) return 'ERROR'
    const zero = line.is(2, '0')
    const valid = line.count === 4 ? zero && command.noreply : zero || command.noreply
    if (line.count > 2 && !valid) return `${BAD_FORMAT}.  Usage: delete <key> [noreply]`
  }
  if (line.width(1) > MAX_KEY_BYTES) return BAD_FORMAT
  const key = line.text(1)
  if (engine.prefixes.enabled) engine.prefixes.delete(key)
  const item = store.find(key)
  if (item === undefined) {
    tally.deleteMisses++
    return 'NOT_FOUND'
  }
  store.tallyOf(item).deleteHits++
  store.unlink(item)
  return 'DELETED'
}

/** The text commands that read and write items, by verb. */
export const TEXT_COMMANDS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['get', retrieve(false, false)],
  ['bget', retrieve(false, false)],
  ['gets', retrieve(true, false)],
  ['gat', retrieve(false, true)],
  ['gats', retrieve(true, true)],
  ['set', replying(update('set'))],
  ['add', replying(update('add'))],
  ['replace', replying(update('replace'))],
  ['append', replying(update('append'))],
  ['prepend', replying(update('prepend'))],
  ['cas', replying(update('cas'))],
  ['touch', replying(touch)],
  ['incr', replying(arithmetic(true))],
  ['decr', replying(arithmetic(false))],
  ['delete', replying(remove)],
])
