import { MintringError } from '../../errors.ts'

/**
 * What a value carries of its tags, behind its own bytes, all in ASCII: the names as JSON, the
 * digest of their versions (16 hexadecimal digits), that of their hard invalidations (8), the
 * length of the names (4) and of the value (8). The lengths tell a whole item from one that was
 * appended to.
 */
export interface Tail {
  /** The names as tagText() writes them. */
  readonly text: string
  /** The versions as they were before the value was loaded; NO_DIGEST where one is not known. */
  readonly digest: string
  readonly hard: string
}

/** The tail without the names. */
const TAIL_CHARACTERS = 36

const DIGEST_CHARACTERS = 16
const HARD_CHARACTERS = 8

/** Equal to no digest: a value that carries it is stale. */
export const NO_DIGEST = '-'.repeat(DIGEST_CHARACTERS)
export const NO_HARD = '-'.repeat(HARD_CHARACTERS)

/** The tail of a value of so many bytes. */
function tailText({ text, digest, hard }: Tail, bodyBytes: number): string {
  return text + digest + hard + hex(text.length, 4) + hex(bodyBytes, 8)
}

/** How many characters a tail with these names has. */
export function tailSize({ text }: Tail): number {
  return text.length + TAIL_CHARACTERS
}

/** The value's bytes with the tail behind them. */
export function withTail(body: string | Uint8Array, tail: Tail): string | Uint8Array {
  const ending = tailText(tail, body.length)
  return typeof body === 'string' ? body + ending : Buffer.concat([body, Buffer.from(ending)])
}

/** What a tagged item carries; undefined when its bytes were changed in place since. */
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

/** Whether a tagged item in `bytes[start, end)` carries that digest. Allocates nothing. */
export function hasDigest(bytes: Uint8Array, start: number, end: number, digest: string): boolean {
  if (bodySize(bytes, start, end) < 0) return false
  const at = end - TAIL_CHARACTERS
  for (let i = 0; i < DIGEST_CHARACTERS; i++) {
    if (bytes[at + i] !== digest.charCodeAt(i)) return false
  }
  return true
}

/** How many of the bytes of a tagged item are the value's. Throws MINTRING_BAD_VALUE. */
export function ownSize(bytes: Uint8Array, start: number, end: number): number {
  const body = bodySize(bytes, start, end)
  if (body >= 0) return body
  throw new MintringError(
    'MINTRING_BAD_VALUE',
    'The value has tags and was changed in place (append, prepend): store it anew',
  )
}

/** The value's own bytes. Throws MINTRING_BAD_VALUE when they were changed in place. */
export function withoutTail(bytes: Buffer): Buffer {
  return bytes.subarray(0, ownSize(bytes, 0, bytes.length))
}

/** -1 when the lengths in the tail are not those of the item. */
function bodySize(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < TAIL_CHARACTERS) return -1
  const text = hexAt(bytes, end - 12, end - 8)
  const body = hexAt(bytes, end - 8, end)
  return body + text + TAIL_CHARACTERS === end - start ? body : -1
}

/** NaN for what are no hexadecimal digits. */
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
