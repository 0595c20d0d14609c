import {
  readI32,
  readStrictI32,
  readStrictU32,
  readStrictU64,
  readU32,
  readU64,
} from './command-number.ts'

const SPACE = 32

/**
 * One request line cut at its spaces, as memcached's tokenizer does: runs of spaces count once, a
 * NUL may end the line, every other byte (tabs, UTF-8) belongs to a word. One object is reused for
 * every line; `bytes` may be the caller's chunk, so read it inside the callback only.
 */
export class CommandLine {
  /** What the words are cut from. */
  bytes: Buffer = Buffer.alloc(0)
  /** Whether lines are as from memcached 1.6.40 on: a NUL belongs to its word. */
  strict = false
  /** Whether numbers are digits and nothing else, as from memcached 1.6.45 on. */
  strictNumbers = false
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
      } else if (byte === 0 && !this.strict) {
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

  /** Word `index` after `skip` bytes, as an int32; NaN when it is not a number. */
  i32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    const read = this.strictNumbers ? readStrictI32 : readI32
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Word `index` after `skip` bytes, as a uint32; NaN when it is not a number. */
  u32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    const read = this.strictNumbers ? readStrictU32 : readU32
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Word `index` as a C int32, whatever the server's way with numbers. */
  looseI32(index: number): number {
    return index < this.count ? readI32(this.bytes, this.start(index), this.end(index)) : Number.NaN
  }

  /** Word `index` as a C uint32, whatever the server's way with numbers. */
  looseU32(index: number): number {
    return index < this.count ? readU32(this.bytes, this.start(index), this.end(index)) : Number.NaN
  }

  /** Word `index` as a length of memcached 1.6.40 and later: digits alone, or NaN. */
  strictI32(index: number): number {
    return index < this.count
      ? readStrictI32(this.bytes, this.start(index), this.end(index))
      : Number.NaN
  }

  /** Word `index` after `skip` bytes, as a uint64; undefined when it is not a number. */
  u64(index: number, skip = 0): bigint | undefined {
    if (index >= this.count) return undefined
    const read = this.strictNumbers ? readStrictU64 : readU64
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }
}
