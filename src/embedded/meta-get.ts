import type { Command } from '../protocol/command.ts'
import { MAX_OPAQUE_BYTES } from '../protocol/limits.ts'
import type { Exchange } from './exchange.ts'
import { EmbeddedItem } from './item.ts'
import {
  BAD_FORMAT,
  echoFlags,
  keyFlag,
  lineProblem,
  metaReply,
  OPAQUE_TOO_LONG,
} from './meta-reply.ts'

const EMPTY: Buffer = Buffer.alloc(0)

/** Executes `mg`. Source: process_mget_command() in proto_text.c. */
export function metaGet(exchange: Exchange, command: Command): void {
  const { writer } = exchange
  const { meta } = command
  const { tidyMeta } = exchange.engine.abilities
  const bare = command.line.count === 2 && !tidyMeta ? BAD_FORMAT : undefined
  const tooLong = 'CLIENT_ERROR options flags are too long'
  const problem = lineProblem(exchange, tooLong, command) ?? bare ?? meta.problem
  if (problem !== undefined) {
    writer.line(problem)
    return
  }
  const { store, tally } = exchange.engine
  const found = store.find(command.key)
  const item = found ?? vivify(exchange, command)
  if (item === undefined) {
    // memcached looks at T only on a hit, so a miss always counts as a miss of get.
    tally.getCommands++
    tally.getMisses++
    const echoed = tidyMeta ? echoFlags(command) : ''
    if (echoed === undefined) writer.line(OPAQUE_TOO_LONG)
    else metaReply(exchange, `EN${echoed}`, meta.quiet)
    return
  }
  const flags = hitFlags(exchange, command, item, found === undefined)
  if (flags === undefined) {
    writer.line(OPAQUE_TOO_LONG)
    return
  }
  const counters = store.tallyOf(item)
  if (meta.ttl === undefined) {
    tally.getCommands++
    counters.getHits++
  } else {
    tally.touchCommands++
    counters.touchHits++
  }
  writeHit(exchange, command, item, flags)
  if (!meta.noUpdate) store.bump(item)
}

function writeHit(exchange: Exchange, command: Command, item: EmbeddedItem, flags: string): void {
  const { writer, engine } = exchange
  const { meta } = command
  item.heldInTurn = engine.store.turn
  const known = engine.abilities.conditionalGet && meta.cas !== undefined && meta.cas === item.cas
  if (!meta.value || known) {
    writer.line(`HD${flags}`)
    return
  }
  writer.line(`VA ${item.value.length}${flags}`)
  writer.data(item.value)
}

/** Creates the empty item for `N` on a miss. hitFlags() sets its expiry. */
function vivify(exchange: Exchange, command: Command): EmbeddedItem | undefined {
  if (command.meta.vivifyTtl === undefined) return undefined
  const { store } = exchange.engine
  const item = new EmbeddedItem(command.key, 0, 0, EMPTY, store.hasCas)
  store.link(item, command.meta.explicitCas)
  return item
}

/**
 * Applies the flags in the given order, as memcached does: `t N30` returns -1, `N30 t` returns 30.
 */
function hitFlags(
  exchange: Exchange,
  command: Command,
  item: EmbeddedItem,
  created: boolean,
): string | undefined {
  const { store } = exchange.engine
  const { line, meta } = command
  let flags = ''
  let won = false
  for (let index = meta.first; index < line.count; index++) {
    const letter = line.bytes[line.start(index)]!
    switch (letter) {
      case 84: // T
        item.exptime = store.time.expiry(meta.ttl!, store.now)
        break
      case 78: // N
        if (created) {
          item.exptime = store.time.expiry(meta.vivifyTtl!, store.now)
          won = true
        }
        break
      case 82: // R
        won ||= !created && wantsRecache(exchange, item, meta.recacheTtl!)
        break
      case 79: // O
        if (line.width(index) > MAX_OPAQUE_BYTES + 1) return undefined
        flags += ` ${line.text(index)}`
        break
      default:
        flags += itemFlag(exchange, item, letter)
    }
  }
  return flags + tokenFlags(item, won)
}

function wantsRecache(exchange: Exchange, item: EmbeddedItem, recacheTtl: number): boolean {
  const { store } = exchange.engine
  if (item.tokenSent || item.exptime === 0) return false
  return item.exptime < store.time.expiry(recacheTtl, store.now)
}

function itemFlag(exchange: Exchange, item: EmbeddedItem, letter: number): string {
  const { now } = exchange.engine.store
  switch (letter) {
    case 107:
      return keyFlag(item.key, item.binaryKey)
    case 115:
      return ` s${item.value.length}`
    case 116:
      return ` t${secondsLeft(item, now)}`
    case 99:
      return ` c${item.cas}`
    case 102:
      return ` f${item.flags}`
    case 108:
      return ` l${now - item.time}`
    case 104:
      return item.fetched ? ' h1' : ' h0'
    default:
      return ''
  }
}

/**
 * Returns the value of the flag `t`: memcached prints the remaining ttl as an unsigned 32-bit
 * number.
 */
export function secondsLeft(item: EmbeddedItem, now: number): number {
  return item.exptime === 0 ? -1 : (item.exptime - now) >>> 0
}

/** Returns the flags Z, X and W, in memcached's order. Records in the item that a client got W. */
function tokenFlags(item: EmbeddedItem, won: boolean): string {
  let flags = ''
  if (item.tokenSent) flags += ' Z'
  if (item.stale) flags += ' X'
  if (won || (item.stale && !item.tokenSent)) {
    flags += ' W'
    item.tokenSent = true
  }
  return flags
}
