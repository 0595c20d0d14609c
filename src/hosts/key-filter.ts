/** Bits per expected key: about one in a thousand other keys matches. */
const BITS_PER_KEY = 16
const HASHES = 6
const MIN_BITS = 2 ** 16
/** 2 MB: a million keys at 16 bits each. */
const MAX_BITS = 2 ** 24

/** How many keys every filter can forget one by one, however few it was made for. */
const MIN_PRINTS = 1_000

/**
 * A compact set of keys: 53-bit hashes up to a limit, so that single keys can be forgotten. Beyond
 * the limit, a Bloom filter (Bloom 1970, with two hashes combined as in Kirsch and Mitzenmacher
 * 2006): it matches every added key, and few others, and forgets none.
 */
export class KeyFilter {
  readonly #words: Uint32Array
  readonly #mask: number
  readonly #maxPrints: number
  /** The hashes of the keys; undefined once there were too many. */
  #prints: Set<number> | undefined = new Set()
  /** How many keys were added beyond the limit; a key that was added twice counts twice. */
  #beyond = 0

  /** `expectedKeys` sets the size; the filter is still useful with ten times as many keys. */
  constructor(expectedKeys: number) {
    const wanted = expectedKeys * 10 * BITS_PER_KEY
    const bits = 2 ** Math.ceil(Math.log2(Math.min(MAX_BITS, Math.max(MIN_BITS, wanted))))
    this.#words = new Uint32Array(bits / 32)
    this.#mask = bits - 1
    this.#maxPrints = Math.max(MIN_PRINTS, expectedKeys)
  }

  /** How many keys it has. */
  get size(): number {
    return this.#prints?.size ?? this.#beyond
  }

  /** Whether single keys can be forgotten. */
  get isExact(): boolean {
    return this.#prints !== undefined
  }

  /** The size of the Bloom filter in bytes. */
  get bytes(): number {
    return this.#words.byteLength
  }

  add(key: string): void {
    const [first, second] = hashesOf(key)
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + Math.imul(i, second)) & this.#mask
      this.#words[bit >>> 5]! |= 1 << (bit & 31)
    }
    if (this.#prints === undefined) this.#beyond++
    else this.#hold(this.#prints.add(printOf(first, second)))
  }

  /** Adds all keys of another filter. If sizes differ, the bits of the smaller one are repeated. */
  addAll(other: KeyFilter): void {
    const size = Math.max(this.#words.length, other.#words.length)
    for (let i = 0; i < size; i++) {
      this.#words[i % this.#words.length]! |= other.#words[i % other.#words.length]!
    }
    if (this.#prints === undefined || other.#prints === undefined) {
      this.#beyond = this.size + other.size
      this.#prints = undefined
    } else this.#hold(new Set([...this.#prints, ...other.#prints]))
  }

  /** Removes a key; does nothing beyond the limit. */
  forget(key: string): void {
    this.#prints?.delete(printOf(...hashesOf(key)))
  }

  has(key: string): boolean {
    const [first, second] = hashesOf(key)
    if (this.#prints !== undefined) return this.#prints.has(printOf(first, second))
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + Math.imul(i, second)) & this.#mask
      if ((this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
    }
    return true
  }

  #hold(prints: Set<number>): void {
    this.#beyond = prints.size
    this.#prints = prints.size > this.#maxPrints ? undefined : prints
  }
}

/** Joins two hashes of 32 bits into a whole number of 53 bits. */
function printOf(first: number, second: number): number {
  return first * 2 ** 21 + (second >>> 11)
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
