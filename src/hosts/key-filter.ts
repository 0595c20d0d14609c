/** Bits per expected key: about one in a thousand other keys matches. */
const BITS_PER_KEY = 16
const HASHES = 6
const MIN_BITS = 2 ** 16
/** 2 MB: a million keys at 16 bits each. */
const MAX_BITS = 2 ** 24

/**
 * A Bloom filter (Bloom 1970, with two hashes combined as in Kirsch and Mitzenmacher 2006): it
 * matches every added key, and few others.
 */
export class KeyFilter {
  readonly #words: Uint32Array
  readonly #mask: number

  /** `expectedKeys` sets the size; the filter is still useful with ten times as many keys. */
  constructor(expectedKeys: number) {
    const wanted = expectedKeys * 10 * BITS_PER_KEY
    const bits = 2 ** Math.ceil(Math.log2(Math.min(MAX_BITS, Math.max(MIN_BITS, wanted))))
    this.#words = new Uint32Array(bits / 32)
    this.#mask = bits - 1
  }

  /** The size of the filter in bytes. */
  get bytes(): number {
    return this.#words.byteLength
  }

  add(key: string): void {
    const [first, second] = hashesOf(key)
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + Math.imul(i, second)) & this.#mask
      this.#words[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  /** Adds all keys of another filter. If sizes differ, the bits of the smaller one are repeated. */
  addAll(other: KeyFilter): void {
    const size = Math.max(this.#words.length, other.#words.length)
    for (let i = 0; i < size; i++) {
      this.#words[i % this.#words.length]! |= other.#words[i % other.#words.length]!
    }
  }

  has(key: string): boolean {
    const [first, second] = hashesOf(key)
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + Math.imul(i, second)) & this.#mask
      if ((this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
    }
    return true
  }
}

/** Returns two hashes: FNV-1a and another of the same loop, both finalized as in MurmurHash3. */
function hashesOf(key: string): readonly [number, number] {
  let first = 0x811c9dc5
  let second = 0x9747b28c
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    first = Math.imul(first ^ code, 0x01000193)
    second = Math.imul(second ^ code, 0x5bd1e995) + (second >>> 15)
  }
  return [finished(first), finished(second) | 1]
}

function finished(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
