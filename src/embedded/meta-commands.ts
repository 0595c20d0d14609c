import { decodeBase64Key, encodeBase64Key } from '../protocol/base64-key.ts'
import type { Command } from '../protocol/command.ts'
import { MAX_KEY_BYTES, MAX_OPAQUE_BYTES } from '../protocol/limits.ts'
import type { Exchange, Handler } from './exchange.ts'
import { EmbeddedItem } from './item.ts'
import { metaGet, secondsLeft } from './meta-get.ts'
import {
  BAD_FORMAT,
  echoFlags,
  keyFlag,
  lineProblem,
  looseCode,
  metaReply,
  OPAQUE_TOO_LONG,
} from './meta-reply.ts'
import { addDelta, type StorageMode, type Stored, type StoreResult, storeItem } from './storage.ts'
import { dropStale, newItem } from './text-commands.ts'

const TOO_MANY_FLAGS = 'CLIENT_ERROR options flags too long'
const BAD_FLAGS = 'CLIENT_ERROR invalid or duplicate flag'

const MODES: Readonly<Record<string, StorageMode>> = {
  '': 'set',
  S: 'set',
  E: 'add',
  R: 'replace',
  A: 'append',
  P: 'prepend',
}

const CODES: Readonly<Record<StoreResult, string>> = {
  STORED: 'HD',
  NOT_STORED: 'NS',
  EXISTS: 'EX',
  NOT_FOUND: 'NF',
}

/** Executes `ms`. Source: process_mset_command() and _finalize_mset() in proto_text.c. */
function metaSet(exchange: Exchange, command: Command): void {
  const { engine, writer } = exchange
  const { meta } = command
  if (command.tooLarge) {
    engine.tally.storeTooLarge++
    dropStale(exchange, command.key)
    writer.line('SERVER_ERROR object too large for cache')
    return
  }
  const item = newItem(exchange, command, meta.ttl ?? 0)
  if (item.bytes > engine.store.maxBytes) {
    engine.tally.storeNoMemory++
    dropStale(exchange, command.key)
    writer.line('SERVER_ERROR out of memory storing object')
    return
  }
  engine.store.tallyOf(item).setCommands++
  if (!command.dataEndsWell) {
    writer.line('CLIENT_ERROR bad data chunk')
    return
  }
  item.binaryKey = meta.keyIsBase64
  let mode = MODES[meta.mode]!
  if (meta.cas !== undefined && (mode === 'set' || mode === 'replace')) mode = 'cas'
  const vivifies = mode === 'append' || mode === 'prepend'
  if (vivifies && meta.vivifyTtl !== undefined && engine.abilities.appendVivifies) {
    mode = vivifyFor(exchange, command, item, mode)
  }
  const stored = storeItem(engine, mode, item, {
    cas: meta.cas ?? 0n,
    acceptStale: meta.invalidate && mode === 'cas',
    explicitCas: meta.explicitCas,
  })
  const quiet = meta.quiet && stored.result === 'STORED'
  metaReply(exchange, CODES[stored.result] + setFlags(exchange, command, stored), quiet)
}

/**
 * For append or prepend with `N`: if there is no item, stores the value as a new item with the
 * exptime of N.
 */
function vivifyFor(
  exchange: Exchange,
  command: Command,
  item: EmbeddedItem,
  mode: StorageMode,
): StorageMode {
  const { store } = exchange.engine
  if (store.find(command.key) !== undefined) return mode
  item.exptime = store.time.expiry(command.meta.vivifyTtl!, store.now)
  return 'add'
}

function setFlags(exchange: Exchange, command: Command, stored: Stored): string {
  const { setReturnsSize } = exchange.engine.abilities
  const { line, meta } = command
  let flags = ''
  for (let index = meta.first; index < line.count; index++) {
    const letter = line.bytes[line.start(index)]!
    if (letter === 79) flags += ` ${line.text(index)}`
    else if (letter === 107) flags += keyFlag(command.key, meta.keyIsBase64)
    else if (letter === 99) flags += ` c${stored.cas}`
    else if (letter === 115 && setReturnsSize) flags += ` s${stored.bytes}`
  }
  return flags
}

/**
 * Returns the error of `md` for a wrong flag: a general one before 1.6.40, a specific one since.
 */
function flagProblem({ engine }: Exchange, { meta }: Command): string | undefined {
  return meta.problem === undefined || engine.abilities.strictLines ? meta.problem : BAD_FLAGS
}

/** Executes `md`. Source: process_mdelete_command(). */
function metaDelete(exchange: Exchange, command: Command): void {
  const { meta } = command
  const problem = lineProblem(exchange, TOO_MANY_FLAGS, command) ?? flagProblem(exchange, command)
  const echoed = problem === undefined ? echoFlags(command) : ''
  if (problem !== undefined || echoed === undefined) {
    exchange.writer.line(problem ?? OPAQUE_TOO_LONG)
    return
  }
  const { store, tally } = exchange.engine
  const item = store.find(command.key)
  if (item === undefined) {
    tally.deleteMisses++
    metaReply(exchange, looseCode(exchange, 'NF') + echoed)
  } else if (meta.cas !== undefined && meta.cas !== item.cas) {
    tally.deleteMisses++
    metaReply(exchange, looseCode(exchange, 'EX') + echoed)
  } else {
    if (meta.invalidate || meta.dropValue) markOrEmpty(exchange, command, item)
    else {
      store.tallyOf(item).deleteHits++
      store.unlink(item)
    }
    metaReply(exchange, looseCode(exchange, 'HD') + echoed, meta.quiet)
  }
}

/** Marks the item stale under a new CAS id (`md I`), or replaces it by an empty one (`md x`). */
function markOrEmpty(exchange: Exchange, command: Command, found: EmbeddedItem): void {
  const { store } = exchange.engine
  const { meta } = command
  let item = found
  if (meta.dropValue) {
    const expiry = store.time.expiry(meta.ttl ?? 0, store.now)
    item = new EmbeddedItem(found.key, meta.clientFlags, expiry, Buffer.alloc(0), store.hasCas)
    store.replace(found, item, meta.explicitCas ?? found.cas)
  }
  if (!meta.invalidate) return
  if (meta.ttl !== undefined) item.exptime = store.time.expiry(meta.ttl, store.now)
  item.stale = true
  item.tokenSent = false
  item.cas = meta.explicitCas ?? store.nextCas()
}

/** Executes `ma`. Source: process_marithmetic_command(). */
function metaArithmetic(exchange: Exchange, command: Command): void {
  const { engine, writer } = exchange
  const { meta } = command
  const lineIsBad = lineProblem(exchange, TOO_MANY_FLAGS, command)
  let problem = meta.problem === undefined ? lineIsBad : (lineIsBad ?? BAD_FLAGS)
  // From 1.6.40 on, this one message covers every error before the mode.
  if (problem !== undefined && engine.abilities.strictLines) problem = BAD_FLAGS
  const up = meta.mode === '' || meta.mode === 'I' || meta.mode === '+'
  if (problem === undefined && !up && meta.mode !== 'D' && meta.mode !== '-') {
    problem = 'CLIENT_ERROR invalid mode for ma M token'
  }
  if (problem !== undefined) {
    writer.line(problem)
    return
  }
  const delta = addDelta(engine, command.key, up, meta.delta, meta.cas ?? 0n)
  switch (delta.result) {
    case 'ok':
      if (meta.explicitCas !== undefined) delta.item!.cas = meta.explicitCas
      replyNumber(exchange, command, delta.item!, delta.value.toString(), false)
      return
    case 'non_numeric':
      writer.line('CLIENT_ERROR cannot increment or decrement non-numeric value')
      return
    case 'cas_mismatch':
      replyNoNumber(exchange, command, 'EX')
      return
    case 'not_found':
      if (meta.vivifyTtl !== undefined) vivifyNumber(exchange, command)
      else {
        if (up) engine.tally.incrMisses++
        else engine.tally.decrMisses++
        replyNoNumber(exchange, command, 'NF')
      }
  }
}

function replyNoNumber(exchange: Exchange, command: Command, code: string): void {
  const echoed = echoFlags(command)
  metaReply(exchange, echoed === undefined ? OPAQUE_TOO_LONG : looseCode(exchange, code) + echoed)
}

function vivifyNumber(exchange: Exchange, command: Command): void {
  const { store } = exchange.engine
  const digits = command.meta.initial.toString()
  const item = new EmbeddedItem(command.key, 0, 0, Buffer.from(digits), store.hasCas)
  store.link(item, command.meta.explicitCas)
  replyNumber(exchange, command, item, digits, true)
}

function replyNumber(
  exchange: Exchange,
  command: Command,
  item: EmbeddedItem,
  digits: string,
  created: boolean,
): void {
  const { writer, engine } = exchange
  const { store } = engine
  const { line, meta } = command
  let flags = ''
  for (let index = meta.first; index < line.count; index++) {
    switch (line.bytes[line.start(index)]!) {
      case 99: // c
        flags += ` c${item.cas}`
        break
      case 116: // t
        flags += ` t${secondsLeft(item, store.now)}`
        break
      case 84: // T
        item.exptime = store.time.expiry(meta.ttl!, store.now)
        break
      case 78: // N
        if (created) item.exptime = store.time.expiry(meta.vivifyTtl!, store.now)
        break
      case 79: // O
        if (line.width(index) > MAX_OPAQUE_BYTES + 1) {
          writer.line(OPAQUE_TOO_LONG)
          return
        }
        flags += ` ${line.text(index)}`
        break
      case 107: // k
        flags += keyFlag(command.key, meta.keyIsBase64)
        break
    }
  }
  // Before 1.6.40, `ma` ignores q if N created the number, and replies.
  if (meta.quiet && !(created && !engine.abilities.strictLines)) return
  if (meta.value) {
    writer.line(`VA ${digits.length}${flags}`)
    writer.line(digits)
  } else {
    writer.line(`HD${flags}`)
  }
}

/** Executes `me`: metadata for debugging. Source: process_meta_command(). */
function metaDebug(exchange: Exchange, command: Command): void {
  const { writer, engine } = exchange
  const { store } = engine
  const { line } = command
  let key = line.text(1)
  // From 1.6.40 on, `me` reads the b only if another word follows.
  const least = engine.abilities.strictLines ? 4 : 3
  if (line.count >= least && line.is(2, 'b')) key = decodeBase64Key(key)
  if (line.count < 2 || line.width(1) > MAX_KEY_BYTES || key === '') {
    writer.line(BAD_FORMAT)
    return
  }
  engine.tally.metaCommands++
  const item = store.find(key)
  if (item === undefined) {
    writer.line('EN')
    return
  }
  const name = item.binaryKey ? encodeBase64Key(item.key) : item.key
  const left = engine.abilities.signedExpiry ? item.exptime - store.now : store.now - item.exptime
  const exp = item.exptime === 0 ? -1 : left
  const fetch = item.fetched ? 'yes' : 'no'
  const size = `cls=${item.classId} size=${item.bytes}`
  writer.line(
    `ME ${name} exp=${exp} la=${store.now - item.time} cas=${item.cas} fetch=${fetch} ${size}`,
  )
}

function metaNoop(exchange: Exchange): void {
  exchange.writer.line('MN')
  exchange.settle()
}

/** The meta commands, by verb. */
export const META_COMMANDS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['mg', metaGet],
  ['ms', metaSet],
  ['md', metaDelete],
  ['ma', metaArithmetic],
  ['me', metaDebug],
  ['mn', metaNoop],
])
