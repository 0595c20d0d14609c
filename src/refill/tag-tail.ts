import { MintringError } from '../errors.ts'

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
export const TAIL_CHARACTERS = 36

const DIGEST_CHARACTERS = 16
const HARD_CHARACTERS = 8

/** Equal to no digest: a value that carries it is stale. */
export const NO_DIGEST = '-'.repeat(DIGEST_CHARACTERS)
export const NO_HARD = '-'.repeat(HARD_CHARACTERS)

/** The tail of a value of so many bytes. */
export function tailText({ text, digest, hard }: Tail, bodyBytes: number): string {
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
  const fixed = latin1(bytes, bytes.length - TAIL_CHARACTERS, bytes.length)
  const sizes = sizesOf(fixed, bytes.length)
  if (sizes === undefined) return undefined
  const text = latin1(bytes, sizes.body, sizes.body + sizes.text)
  const digest = fixed.slice(0, DIGEST_CHARACTERS)
  return { text, digest, hard: fixed.slice(DIGEST_CHARACTERS, DIGEST_CHARACTERS + HARD_CHARACTERS) }
}

/** The value's own bytes. Throws MINTRING_BAD_VALUE when they were changed in place. */
export function withoutTail(bytes: Buffer): Buffer {
  const fixed = latin1(bytes, bytes.length - TAIL_CHARACTERS, bytes.length)
  const sizes = sizesOf(fixed, bytes.length)
  if (sizes !== undefined) return bytes.subarray(0, sizes.body)
  throw new MintringError(
    'MINTRING_BAD_VALUE',
    'The value has tags and was changed in place (append, prepend): store it anew',
  )
}

function sizesOf(fixed: string, size: number): { text: number; body: number } | undefined {
  const text = Number.parseInt(fixed.slice(24, 28), 16)
  const body = Number.parseInt(fixed.slice(28), 16)
  return body + text + TAIL_CHARACTERS === size ? { text, body } : undefined
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  const { buffer, byteOffset, length } = bytes
  return Buffer.from(buffer, byteOffset, length).toString('latin1', Math.max(0, start), end)
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}
