import type { Reply } from './reply.ts'
import { ReplyKind } from './reply-kind.ts'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const ZERO = 0x30
const NINE = 0x39
/** Numbers of at most ten digits are far below 2^53. Longer ones are left to the general parser. */
const MAX_DIGITS = 10
/** The reply to a successful store, with its line end. */
export const STORED: readonly number[] = [...Buffer.from('STORED\r\n')]
const SHORTEST_BYTES = 'VALUE k 0 0\r\n'.length

/**
 * Parses the most frequent line, `VALUE <key> <flags> <bytes>`, in one pass, if it is well-formed
 * and complete in the chunk. Returns where the value begins, or 0: the general parser must then
 * read the line.
 */
export function readHitLine(
  reply: Reply,
  chunk: Buffer,
  start: number,
  maxLineBytes: number,
  maxValueBytes: number,
): number {
  const length = chunk.length
  if (length - start < SHORTEST_BYTES || !isValueWord(chunk, start)) return 0
  const keyStart = start + 6
  let at = keyStart
  while (at < length && chunk[at]! > SPACE) at++
  const keyEnd = at
  if (keyEnd === keyStart || at >= length || chunk[at++] !== SPACE) return 0
  let flags = 0
  let first = at
  while (at < length && isDigit(chunk[at]!)) flags = flags * 10 + chunk[at++]! - ZERO
  if (at === first || at - first > MAX_DIGITS || at >= length || chunk[at++] !== SPACE) return 0
  let size = 0
  first = at
  while (at < length && isDigit(chunk[at]!)) size = size * 10 + chunk[at++]! - ZERO
  if (at === first || at - first > MAX_DIGITS || at + 1 >= length) return 0
  if (chunk[at] !== CR || chunk[at + 1] !== LF) return 0
  if (at - start > maxLineBytes || size > maxValueBytes) return 0
  reply.begin(chunk, start, at)
  reply.kind = ReplyKind.Value
  reply.keyStart = keyStart
  reply.keyEnd = keyEnd
  reply.flags = flags
  reply.size = size
  return at + 2
}

/** Reads `STORED`, the other frequent line, if it is complete in the chunk. */
export function readStoredLine(
  reply: Reply,
  chunk: Buffer,
  start: number,
  maxLineBytes: number,
): boolean {
  if (chunk.length - start < STORED.length || STORED.length - 2 > maxLineBytes) return false
  for (let i = 0; i < STORED.length; i++) if (chunk[start + i] !== STORED[i]) return false
  reply.begin(chunk, start, start + STORED.length - 2)
  reply.kind = ReplyKind.Stored
  return true
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

/** Returns whether the bytes at `at` are `VALUE `. */
function isValueWord(chunk: Buffer, at: number): boolean {
  return (
    chunk[at] === 0x56 &&
    chunk[at + 1] === 0x41 &&
    chunk[at + 2] === 0x4c &&
    chunk[at + 3] === 0x55 &&
    chunk[at + 4] === 0x45 &&
    chunk[at + 5] === SPACE
  )
}
