import { MintringError } from '../errors.ts'

/**
 * The tags at the end of a value's bytes, all in ASCII:
 * - the names as JSON,
 * - the digest of their versions (16 hexadecimal digits),
 * - the digest of their hard invalidations (8),
 * - the length of the names (4),
 * - the length of the value (8).
 *
 * The lengths show whether something was appended to the item.
 */
export interface Tail {
  /** The names, as tagText() writes them. */
  readonly text: string
  /** The versions of the tags before the value was loaded; NO_DIGEST if one is unknown. */
  readonly digest: string
  readonly hard: string
}

/** The length of the tail without the names. */
const TAIL_CHARACTERS = 36

const DIGEST_CHARACTERS = 16
const HARD_CHARACTERS = 8

/** Differs from every digest, so a value with it is stale. */
export const NO_DIGEST = '-'.repeat(DIGEST_CHARACTERS)
export const NO_HARD = '-'.repeat(HARD_CHARACTERS)

/** Returns the text with the tags that is stored at the end of a value of this many bytes. */
function tailText({ text, digest, hard }: Tail, bodyBytes: number): string {
  return text + digest + hard + hex(text.length, 4) + hex(bodyBytes, 8)
}

/** Returns the length of a tail with these names. */
export function tailSize({ text }: Tail): number {
  return text.length + TAIL_CHARACTERS
}

/** Appends the text with the tags to the value's bytes. */
export function withTail(body: string | Uint8Array, tail: Tail): string | Uint8Array {
  const ending = tailText(tail, body.length)
  return typeof body === 'string' ? body + ending : Buffer.concat([body, Buffer.from(ending)])
}

/** Returns the tags of a tagged item; undefined if its bytes were changed in place. */
export function readTail(bytes: Uint8Array): Tail | undefined {
  const body = bodySize(bytes, 0, bytes.length)
  if (body < 0) return undefined
  const { buffer, byteOffset, length } = bytes
  const tail = Buffer.from(buffer, byteOffset, length).toString('latin1', body)
  const fixed = tail.length - TAIL_CHARACTERS
  return {
    text: tail.slice(0, fixed),
    digest: tail.slice(fixed, fixed + DIGEST_CHARACTERS),
    hard: tail.slice(fixed + DIGEST_CHARACTERS, fixed + DIGEST_CHARACTERS + HARD_CHARACTERS),
  }
}

/**
 * Whether a tagged item in `bytes[start, end)` has that digest. Allocates nothing. Does not check
 * the lengths in the tail: ownSize() does, before the value is decoded.
 */
export function hasDigest(bytes: Uint8Array, start: number, end: number, digest: string): boolean {
  const at = end - TAIL_CHARACTERS
  if (at < start) return false
  for (let i = 0; i < DIGEST_CHARACTERS; i++) {
    if (bytes[at + i] !== digest.charCodeAt(i)) return false
  }
  return true
}

/** Returns the length of the value without its tail. Throws MINTRING_BAD_VALUE. */
export function ownSize(bytes: Uint8Array, start: number, end: number): number {
  const body = bodySize(bytes, start, end)
  if (body >= 0) return body
  throw new MintringError(
    'MINTRING_BAD_VALUE',
    'The value has tags and was changed in place (append, prepend): store it again',
  )
}

/** Returns the value's own bytes. Throws MINTRING_BAD_VALUE if they were changed in place. */
export function withoutTail(bytes: Buffer): Buffer {
  return bytes.subarray(0, ownSize(bytes, 0, bytes.length))
}

/** Returns the value's length; -1 if the lengths in the tail do not match the item. */
function bodySize(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < TAIL_CHARACTERS) return -1
  const text = hexAt(bytes, end - 12, end - 8)
  const body = hexAt(bytes, end - 8, end)
  return body + text + TAIL_CHARACTERS === end - start ? body : -1
}

/** Parses hexadecimal digits; NaN for other characters. */
function hexAt(bytes: Uint8Array, start: number, end: number): number {
  let number = 0
  for (let i = start; i < end; i++) number = number * 16 + digitOf(bytes[i]!)
  return number
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  return code >= 97 && code <= 102 ? code - 87 : Number.NaN
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}
