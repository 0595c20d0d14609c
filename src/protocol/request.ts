/**
 * Command lines of the classic protocol (doc/protocol.txt), with their CRLF, as latin1 strings.
 *
 * Keys are wire keys, from `toWireKey`: they are not checked again here. Numbers are checked, with
 * MINTRING_BAD_ARGUMENT, or MINTRING_BAD_TTL for exptimes (from `toExptime`). A storage line must
 * be followed by the data block of exactly the length told, and CRLF.
 */
import { MintringError } from '../errors.ts'
import { exptimeField, uint, uint64 } from './field.ts'
import { MAX_FLAGS, MAX_TOUCH_LINE_BYTES } from './limits.ts'

/** The storage commands that take no CAS. */
export type StoreVerb = 'set' | 'add' | 'replace' | 'append' | 'prepend'

/** `get <key>*`: VALUE replies in the order of the keys, misses left out, then END. */
export function getHead(wireKeys: readonly string[]): string {
  return `get ${joinKeys(wireKeys)}\r\n`
}

/** As `getHead`, and each VALUE tells its CAS id. */
export function getsHead(wireKeys: readonly string[]): string {
  return `gets ${joinKeys(wireKeys)}\r\n`
}

/** `gat <exptime> <key>*`: as `getHead`, and the items found get the exptime. Since 1.5.3. */
export function gatHead(exptime: number, wireKeys: readonly string[]): string {
  return touchingHead('gat', exptime, wireKeys)
}

/** As `gatHead`, and each VALUE tells its CAS id. */
export function gatsHead(exptime: number, wireKeys: readonly string[]): string {
  return touchingHead('gats', exptime, wireKeys)
}

/** memcached closes the connection of any long line but a `get` or `gets` (proto_text.c). */
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
 * `<verb> <key> <flags> <exptime> <length> [noreply]`, or with `cas` its fifth field. Append and
 * prepend ignore flags and exptime. Answered STORED or NOT_STORED, and for `cas` also EXISTS or
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
  const flagsField = uint('flags', flags, MAX_FLAGS)
  const id = verb === 'cas' ? ` ${uint64('cas', cas as bigint)}` : ''
  // The short end is joined first: a string that is long already is joined by reference.
  const size = `${uint('length', length)}${id}${ending(noreply)}`
  return `${verb} ${wireKey}${` ${flagsField} ${exptimeField(exptime)} ${size}`}`
}

/** `incr <key> <delta>`: the new number, which wraps at 2^64, or NOT_FOUND. */
export function incrHead(wireKey: string, delta: bigint | number, noreply = false): string {
  return `incr ${wireKey} ${uint64('delta', delta)}${ending(noreply)}`
}

/** `decr <key> <delta>`: the new number, which stops at 0, or NOT_FOUND. */
export function decrHead(wireKey: string, delta: bigint | number, noreply = false): string {
  return `decr ${wireKey} ${uint64('delta', delta)}${ending(noreply)}`
}

/** `touch <key> <exptime>`: TOUCHED or NOT_FOUND. */
export function touchHead(wireKey: string, exptime: number, noreply = false): string {
  return `touch ${wireKey} ${exptimeField(exptime)}${ending(noreply)}`
}

/** `delete <key>`: DELETED or NOT_FOUND. */
export function deleteHead(wireKey: string, noreply = false): string {
  return `delete ${wireKey}${ending(noreply)}`
}

function ending(noreply: boolean): string {
  return noreply ? ' noreply\r\n' : '\r\n'
}
