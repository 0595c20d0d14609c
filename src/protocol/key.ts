import { MintringError } from '../errors.ts'
import { escaped, kindOf } from '../secrets.ts'
import { MAX_BASE64_KEY_BYTES, MAX_KEY_BYTES } from './limits.ts'

const PLAIN_KEY = /^[!-~]+$/

/** How many characters of an invalid key a message quotes. */
const SHOWN_CHARACTERS = 40

/**
 * Encodes a key for the wire: its UTF-8 bytes, one per character of a latin1 string. All encoders
 * expect keys in this form and do not check them again.
 *
 * Throws MINTRING_BAD_KEY for keys that memcached's text protocol does not allow in any command: an
 * empty key, more than 250 bytes, a space, a control character, DEL, or half a surrogate pair (in
 * UTF-8 all of these become the same bytes).
 */
export function toWireKey(key: string): string {
  if (typeof key !== 'string') throw notAString(key)
  // Nearly all keys are plain ASCII, and the regular expression is faster than a loop.
  if (key.length <= MAX_KEY_BYTES && PLAIN_KEY.test(key)) return key
  if (key.length > MAX_KEY_BYTES) checkLength(Buffer.byteLength(key), key)
  const bytes = Buffer.from(key)
  if (bytes.toString() !== key) throw badKey('must not have half a surrogate pair', key)
  const wireKey = bytes.toString('latin1')
  checkBytes(wireKey, key)
  return wireKey
}

/** Throws MINTRING_BAD_KEY if `wireKey` is not a key as `toWireKey` returns it. */
export function checkWireKey(wireKey: string): void {
  checkBytes(wireKey, wireKey)
}

/** Checks the bytes of a wire key. `key` is what the caller passed, for the message. */
function checkBytes(wireKey: string, key: string): void {
  checkLength(wireKey.length, key)
  for (let i = 0; i < wireKey.length; i++) {
    const code = wireKey.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f) throw badByte(code, i, key)
    if (code > 0xff) throw badKey(`must be latin1, one character per byte; ${code} is at ${i}`, key)
  }
}

/**
 * Encodes any bytes as the key of a meta command with the flag `b`. Throws MINTRING_BAD_KEY for an
 * empty key and for more than 186 bytes, before base64.
 */
export function toBase64Key(bytes: Uint8Array): string {
  if (bytes.length === 0) throw badKey('must not be empty')
  if (bytes.length > MAX_BASE64_KEY_BYTES) {
    throw badKey(`is ${bytes.length} bytes: base64 keys have at most ${MAX_BASE64_KEY_BYTES}`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

function checkLength(bytes: number, key: string): void {
  if (bytes === 0) throw badKey('must not be empty')
  if (bytes > MAX_KEY_BYTES) {
    const longKeys = "set longKeys: 'hash', or hash it yourself"
    throw badKey(`is ${bytes} bytes: memcached takes at most ${MAX_KEY_BYTES} (${longKeys})`, key)
  }
}

function badByte(code: number, at: number, key: string): MintringError {
  const hex = code.toString(16).padStart(2, '0')
  const replace = 'replace them, or use encodeURIComponent()'
  const where = `0x${hex} is at byte ${at} (${replace})`
  return badKey(`must not have spaces or control characters: ${where}`, key)
}

function notAString(key: unknown): MintringError {
  if (Array.isArray(key))
    return badKey('must be a string, not an array: getMany() and deleteMany() take several')
  const hint = typeof key === 'number' ? ': write String(id)' : ''
  return badKey(`must be a string, not ${kindOf(key)}${hint}`)
}

function badKey(why: string, key?: string): MintringError {
  const shown = key === undefined ? '' : ` '${escaped(key, SHOWN_CHARACTERS)}'`
  return new MintringError('MINTRING_BAD_KEY', `The key${shown} ${why}`)
}
