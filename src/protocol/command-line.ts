import { readI32, readU32, readU64 } from './command-number.ts'

const SPACE = 32

/** Commands of memcached have at most 23 words; only the key list of a get goes on. */
export const MAX_COMMAND_TOKENS = 23

/**
 * One request line cut at its spaces, as memcached's tokenizer does: runs of spaces count once, a
 * NUL ends the line, every other byte (tabs, UTF-8) belongs to a word. One object is reused for
 * every line; `bytes` may be the caller's chunk, so read it inside the callback only.
 */
export class CommandLine {
  /** What the words are cut from. */
  bytes: Buffer = Buffer.alloc(0)
  /** How many words the line has. */
  count = 0
  /** The positions of the words: start and end of word i at 2i and 2i + 1. */
  readonly #bounds: number[] = []
  #detached = false

  /** Cuts `bytes` from `start` up to `end` (its line feed, or a CR before that, not included). */
  cut(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.#detached = false
    const bounds = this.#bounds
    let filled = 0
    let word = start
    let at = start
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte === SPACE) {
        if (at > word) {
          bounds[filled++] = word
          bounds[filled++] = at
        }
        word = at + 1
      } else if (byte === 0) {
        break
      }
    }
    if (at > word) {
      bounds[filled++] = word
      bounds[filled++] = at
    }
    this.count = filled >> 1
  }

  /** Copies the words out of the caller's chunk, so that they outlive it. */
  detach(): void {
    if (this.#detached || this.count === 0) return
    const from = this.start(0)
    this.bytes = Buffer.from(this.bytes.subarray(from, this.end(this.count - 1)))
    for (let at = 0; at < this.count * 2; at++) this.#bounds[at] = this.#bounds[at]! - from
    this.#detached = true
  }

  /** Where word `index` begins in `bytes`; the line must have it. */
  start(index: number): number {
    return this.#bounds[index << 1]!
  }

  /** Where word `index` ends in `bytes`; the line must have it. */
  end(index: number): number {
    return this.#bounds[(index << 1) + 1]!
  }

  /** The length of word `index` in bytes; 0 when the line is shorter. */
  width(index: number): number {
    return index < this.count ? this.end(index) - this.start(index) : 0
  }

  /** Word `index` as a latin1 string; '' when the line is shorter. */
  text(index: number): string {
    return index < this.count
      ? this.bytes.toString('latin1', this.start(index), this.end(index))
      : ''
  }

  /** The whole line, first word to last. */
  whole(): string {
    return this.count === 0
      ? ''
      : this.bytes.toString('latin1', this.start(0), this.end(this.count - 1))
  }

  /** Whether word `index` is exactly `word`. */
  is(index: number, word: string): boolean {
    return this.width(index) === word.length && this.text(index) === word
  }

  /** Whether the last word is `noreply`. */
  endsInNoreply(): boolean {
    const last = this.count - 1
    if (last < 0) return false
    const start = this.start(last)
    return this.end(last) - start === 7 && this.bytes[start] === 110 && this.is(last, 'noreply')
  }

  /** Word `index` after `skip` bytes, as a C int32; NaN when it is not a number. */
  i32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    return readI32(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Word `index` after `skip` bytes, as a C uint32; NaN when it is not a number. */
  u32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    return readU32(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Word `index` after `skip` bytes, as a C uint64; undefined when it is not a number. */
  u64(index: number, skip = 0): bigint | undefined {
    if (index >= this.count) return undefined
    return readU64(this.bytes, this.start(index) + skip, this.end(index))
  }
}
