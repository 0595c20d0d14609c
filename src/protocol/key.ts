import { MintringError } from '../errors.ts'
import { MAX_BASE64_KEY_BYTES, MAX_KEY_BYTES } from './limits.ts'

const PLAIN_KEY = /^[!-~]+$/

/**
 * A key as it travels: its UTF-8 bytes, one per character of a latin1 string. All encoders take
 * keys in this form and do not check them again.
 *
 * Throws MINTRING_BAD_KEY for what memcached's text protocol cannot carry, whatever the command: an
 * empty key, more than 250 bytes, a space, a control character, DEL, or half a surrogate pair
 * (which UTF-8 cannot tell from another half).
 */
export function toWireKey(key: string): string {
  if (typeof key !== 'string') throw badKey(`must be a string, not ${typeof key}`)
  // What nearly every key is: a compiled expression beats a loop over the characters.
  if (key.length <= MAX_KEY_BYTES && PLAIN_KEY.test(key)) return key
  if (key.length > MAX_KEY_BYTES) checkLength(Buffer.byteLength(key))
  const bytes = Buffer.from(key)
  if (bytes.toString() !== key) throw badKey('must not have half a surrogate pair')
  const wireKey = bytes.toString('latin1')
  checkWireKey(wireKey)
  return wireKey
}

/** Throws MINTRING_BAD_KEY unless `wireKey` is a key as `toWireKey` makes them. */
export function checkWireKey(wireKey: string): void {
  checkLength(wireKey.length)
  for (let i = 0; i < wireKey.length; i++) {
    const code = wireKey.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f) throw badByte(code, i)
    if (code > 0xff) throw badKey(`must be latin1, one character per byte; ${code} is at ${i}`)
  }
}

/**
 * Any bytes as the key of a meta command with the flag `b`: base64, at most 186 bytes before it.
 * Throws MINTRING_BAD_KEY for none or more.
 */
export function toBase64Key(bytes: Uint8Array): string {
  if (bytes.length === 0) throw badKey('must not be empty')
  if (bytes.length > MAX_BASE64_KEY_BYTES) {
    throw badKey(`is ${bytes.length} bytes: base64 keys have at most ${MAX_BASE64_KEY_BYTES}`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

function checkLength(bytes: number): void {
  if (bytes === 0) throw badKey('must not be empty')
  if (bytes > MAX_KEY_BYTES) {
    throw badKey(`is ${bytes} bytes: memcached takes at most ${MAX_KEY_BYTES}`)
  }
}

function badByte(code: number, at: number): MintringError {
  const hex = code.toString(16).padStart(2, '0')
  return badKey(`must not have spaces or control characters: 0x${hex} is at ${at}`)
}

function badKey(why: string): MintringError {
  return new MintringError('MINTRING_BAD_KEY', `The key ${why}`)
}
