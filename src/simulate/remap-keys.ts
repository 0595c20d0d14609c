import { isUtf8 } from 'node:buffer'
import { MintringError } from '../errors.ts'
import type { Key } from '../ring/key.ts'

const MAX_KEY_BYTES = 250

/** Lines that are not valid keys, counted by reason. */
export interface SkippedLines {
  /** Empty lines. */
  empty: number
  /** Lines of more than 250 bytes, the limit of a key. */
  tooLong: number
  /** Lines with spaces, control characters or NUL, which memcached does not allow in keys. */
  unusable: number
}

/** Returns counters of skipped lines, all 0. */
export function noSkippedLines(): SkippedLines {
  return { empty: 0, tooLong: 0, unusable: 0 }
}

/**
 * Reads keys from a stream with one key per line (LF or CRLF). Counts invalid lines in `skipped`; a
 * long line never uses more memory than the longest key.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT if there is no valid key.
 */
export async function* keysOfLines(
  chunks: AsyncIterable<Uint8Array>,
  skipped: SkippedLines,
): AsyncGenerator<Key> {
  let found = 0
  for await (const line of linesOf(chunks)) {
    const key = keyOf(line, skipped)
    if (key === undefined) continue
    found++
    yield key
  }
  if (found > 0) return
  const { empty, tooLong, unusable } = skipped
  const lines = `${empty} empty, ${tooLong} too long, ${unusable} unusable lines`
  const why = `no usable key in the list (${lines})`
  throw new MintringError('MINTRING_BAD_ARGUMENT', `Bad remap: ${why}`)
}

/**
 * Yields lines without their line end. Cuts a long line just after the limit, enough to see that it
 * is too long.
 */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Holds the longest key, a CR, and one byte more, by which a line that is too long is recognized.
  const held = new Uint8Array(MAX_KEY_BYTES + 2)
  let length = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      length = append(held, length, chunk.subarray(from, end))
      yield held.slice(0, length)
      length = 0
      from = end + 1
    }
    length = append(held, length, chunk.subarray(from))
  }
  if (length > 0) yield held.slice(0, length)
}

function append(held: Uint8Array, length: number, bytes: Uint8Array): number {
  const room = bytes.subarray(0, held.length - length)
  held.set(room, length)
  return length + room.length
}

function keyOf(line: Uint8Array, skipped: SkippedLines): Key | undefined {
  const bytes = line.at(-1) === 13 ? line.subarray(0, -1) : line
  if (bytes.length === 0) {
    skipped.empty++
    return undefined
  }
  if (bytes.length > MAX_KEY_BYTES) {
    skipped.tooLong++
    return undefined
  }
  if (bytes.some((byte) => byte <= 0x20 || byte === 0x7f)) {
    skipped.unusable++
    return undefined
  }
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : bytes
}
