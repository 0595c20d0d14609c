/**
 * Encodes commands of the classic protocol (doc/protocol.txt). Each function returns a command line
 * with its CRLF, as a latin1 string.
 *
 * Keys must be wire keys, from `toWireKey`; they are not checked again. Invalid numbers throw
 * MINTRING_BAD_ARGUMENT, invalid exptimes (from `toExptime`) MINTRING_BAD_TTL. After a storage
 * line, send a data block of exactly the stated length, and CRLF.
 */
import { MintringError } from '../errors.ts'
import { exptimeField, uint, uint64 } from './field.ts'
import { MAX_FLAGS, MAX_TOUCH_LINE_BYTES } from './limits.ts'

/** The storage commands without a CAS id. */
export type StoreVerb = 'set' | 'add' | 'replace' | 'append' | 'prepend'

/** Encodes `get <key>*`. Replies: a VALUE per hit, in the order of the keys, then END. */
export function getHead(wireKeys: readonly string[]): string {
  return `get ${joinKeys(wireKeys)}\r\n`
}

/** Encodes `get <key>*` for the keys of requests. Allocates no list of them. */
export function getHeadOf(requests: readonly { readonly wireKey: string }[]): string {
  let line = 'get'
  for (const { wireKey } of requests) line += ` ${wireKey}`
  return `${line}\r\n`
}

/** Encodes `gets <key>*`: like `get`, but each VALUE has its CAS id. */
export function getsHead(wireKeys: readonly string[]): string {
  return `gets ${joinKeys(wireKeys)}\r\n`
}

/**
 * Encodes `gat <exptime> <key>*`: like `get`, but also sets the exptime of the items. Since
 * memcached 1.5.3.
 */
export function gatHead(exptime: number, wireKeys: readonly string[]): string {
  return touchingHead('gat', exptime, wireKeys)
}

/** Encodes `gats <exptime> <key>*`: like `gat`, but each VALUE has its CAS id. */
export function gatsHead(exptime: number, wireKeys: readonly string[]): string {
  return touchingHead('gats', exptime, wireKeys)
}

/** memcached closes the connection on a long line, except for `get` and `gets` (proto_text.c). */
function touchingHead(verb: string, exptime: number, wireKeys: readonly string[]): string {
  const head = `${verb} ${exptimeField(exptime)} ${joinKeys(wireKeys)}\r\n`
  if (head.length <= MAX_TOUCH_LINE_BYTES) return head
  throw badKeys(`${verb} lines have at most ${MAX_TOUCH_LINE_BYTES} bytes, not ${head.length}`)
}

function joinKeys(wireKeys: readonly string[]): string {
  if (wireKeys.length === 0) throw badKeys('A retrieval needs at least one key')
  return wireKeys.length === 1 ? wireKeys[0]! : wireKeys.join(' ')
}

function badKeys(what: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', what)
}

/**
 * Encodes `<verb> <key> <flags> <exptime> <length> [noreply]`; `cas` has its id as a fifth field.
 * Append and prepend ignore flags and exptime. Replies: STORED, NOT_STORED; for `cas` also EXISTS,
 * NOT_FOUND.
 */
export function storeHead(
  verb: StoreVerb | 'cas',
  wireKey: string,
  flags: number,
  exptime: number,
  length: number,
  cas?: bigint | number,
  noreply = false,
): string {
  const id = verb === 'cas' ? ` ${uint64('cas', cas as bigint)}` : ''
  // Two joins: the short strings are copied, then V8 refers to the long result without a copy.
  const size = `${uint('length', length)}${id}${ending(noreply)}`
  return `${verb} ${wireKey}${`${flagsAndExptime(flags, exptime)}${size}`}`
}

/** The last result of flagsAndExptime(): many values in a row have the same type and lifetime. */
let lastText = ''
let lastFlags: number = Number.NaN
let lastExptime: number = Number.NaN

function flagsAndExptime(flags: number, exptime: number): string {
  if (flags === lastFlags && exptime === lastExptime) return lastText
  lastText = ` ${uint('flags', flags, MAX_FLAGS)} ${exptimeField(exptime)} `
  lastFlags = flags
  lastExptime = exptime
  return lastText
}

/** Encodes `incr <key> <delta>`. Replies: the new number, which wraps at 2^64, or NOT_FOUND. */
export function incrHead(wireKey: string, delta: bigint | number, noreply = false): string {
  return `incr ${wireKey} ${uint64('delta', delta)}${ending(noreply)}`
}

/** Encodes `decr <key> <delta>`. Replies: the new number, which stops at 0, or NOT_FOUND. */
export function decrHead(wireKey: string, delta: bigint | number, noreply = false): string {
  return `decr ${wireKey} ${uint64('delta', delta)}${ending(noreply)}`
}

/** Encodes `touch <key> <exptime>`. Replies: TOUCHED, NOT_FOUND. */
export function touchHead(wireKey: string, exptime: number, noreply = false): string {
  return `touch ${wireKey} ${exptimeField(exptime)}${ending(noreply)}`
}

/** Encodes `delete <key>`. Replies: DELETED, NOT_FOUND. */
export function deleteHead(wireKey: string, noreply = false): string {
  return `delete ${wireKey}${ending(noreply)}`
}

function ending(noreply: boolean): string {
  return noreply ? ' noreply\r\n' : '\r\n'
}
