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
 * A request line split at its spaces, as memcached's tokenizer does. Runs of spaces count as one, a
 * NUL may end the line, and every other byte (tabs, UTF-8) belongs to a word. The parser reuses one
 * object for all lines, and `bytes` may be the caller's chunk: read it only inside the callback.
 */
export class CommandLine {
  /** The bytes that contain the words. */
  bytes: Buffer = Buffer.alloc(0)
  /** Whether a NUL belongs to its word, as in memcached 1.6.40 and later. */
  strict = false
  /** Whether numbers are digits only, as in memcached 1.6.45 and later. */
  strictNumbers = false
  /** The number of words on the line. */
  count = 0
  /** The positions of the words: word i starts at entry 2i and ends at entry 2i + 1. */
  readonly #bounds: number[] = []
  #detached = false

  /** Splits `bytes` from `start` up to `end`, where the line feed or the CR before it stands. */
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

  /** Copies the words out of the caller's chunk, so that they stay valid after the callback. */
  detach(): void {
    if (this.#detached || this.count === 0) return
    const from = this.start(0)
    this.bytes = Buffer.from(this.bytes.subarray(from, this.end(this.count - 1)))
    for (let at = 0; at < this.count * 2; at++) this.#bounds[at] = this.#bounds[at]! - from
    this.#detached = true
  }

  /** Returns where word `index` begins in `bytes`. The word must exist. */
  start(index: number): number {
    return this.#bounds[index << 1]!
  }

  /** Returns where word `index` ends in `bytes`. The word must exist. */
  end(index: number): number {
    return this.#bounds[(index << 1) + 1]!
  }

  /** Returns the length of word `index` in bytes, or 0 if there is no such word. */
  width(index: number): number {
    return index < this.count ? this.end(index) - this.start(index) : 0
  }

  /** Returns word `index` as a latin1 string, or '' if there is no such word. */
  text(index: number): string {
    return index < this.count
      ? this.bytes.toString('latin1', this.start(index), this.end(index))
      : ''
  }

  /** Returns the whole line, from the first word to the last. */
  whole(): string {
    return this.count === 0
      ? ''
      : this.bytes.toString('latin1', this.start(0), this.end(this.count - 1))
  }

  /** Returns whether word `index` is exactly `word`. */
  is(index: number, word: string): boolean {
    return this.width(index) === word.length && this.text(index) === word
  }

  /** Returns whether the last word is `noreply`. */
  endsInNoreply(): boolean {
    const last = this.count - 1
    if (last < 0) return false
    const start = this.start(last)
    return this.end(last) - start === 7 && this.bytes[start] === 110 && this.is(last, 'noreply')
  }

  /** Reads word `index`, after `skip` bytes, as an int32. Returns NaN if it is not a number. */
  i32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    const read = this.strictNumbers ? readStrictI32 : readI32
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Reads word `index`, after `skip` bytes, as a uint32. Returns NaN if it is not a number. */
  u32(index: number, skip = 0): number {
    if (index >= this.count) return Number.NaN
    const read = this.strictNumbers ? readStrictU32 : readU32
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }

  /** Reads word `index` as C's strtol does, as an int32, even if `strictNumbers` is set. */
  looseI32(index: number): number {
    return index < this.count ? readI32(this.bytes, this.start(index), this.end(index)) : Number.NaN
  }

  /** Reads word `index` as C's strtoul does, as a uint32, even if `strictNumbers` is set. */
  looseU32(index: number): number {
    return index < this.count ? readU32(this.bytes, this.start(index), this.end(index)) : Number.NaN
  }

  /**
   * Reads word `index` as a length, digits only, as memcached 1.6.40 and later do. Returns NaN for
   * anything else.
   */
  strictI32(index: number): number {
    return index < this.count
      ? readStrictI32(this.bytes, this.start(index), this.end(index))
      : Number.NaN
  }

  /**
   * Reads word `index`, after `skip` bytes, as a uint64. Returns undefined if it is not a number.
   */
  u64(index: number, skip = 0): bigint | undefined {
    if (index >= this.count) return undefined
    const read = this.strictNumbers ? readStrictU64 : readU64
    return read(this.bytes, this.start(index) + skip, this.end(index))
  }
}
