/** The number of slots: a power of two, several times the keys of a batch. */
const SLOTS = 512
/**
 * How many characters of a key are hashed besides the last ones: evenly spread over the rest of the
 * key.
 */
const SPREAD_CHARACTERS = 8
/** How many last characters are hashed: there the keys of a batch differ most, as in numbers. */
const TAIL_CHARACTERS = 8

const LAST_BATCH = 0x7fff_ffff

/**
 * The distinct keys of one batch. It is reused, because a `Set` would grow again for each batch:
 * each entry has the number of its batch, so incrementing that number empties the set.
 */
export class KeySet {
  readonly #keys: string[] = new Array<string>(SLOTS).fill('')
  readonly #batches = new Int32Array(SLOTS)
  #batch = 1

  /** Adds a key; returns false if it is present. Callers add fewer keys than there are slots. */
  add(key: string): boolean {
    const batches = this.#batches
    let slot = hashOf(key) & (SLOTS - 1)
    while (batches[slot] === this.#batch) {
      if (this.#keys[slot] === key) return false
      slot = (slot + 1) & (SLOTS - 1)
    }
    batches[slot] = this.#batch
    this.#keys[slot] = key
    return true
  }

  /** Empties the set. */
  clear(): void {
    if (this.#batch === LAST_BATCH) {
      this.#batches.fill(0)
      this.#batch = 0
    }
    this.#batch++
  }
}

/** Returns a hash of some characters of a key, the last ones above all. */
export function hashOf(key: string): number {
  const { length } = key
  let hash = length
  let at = length - 1
  for (const tail = length - TAIL_CHARACTERS; at >= 0 && at >= tail; at--) {
    hash = Math.imul(hash, 31) + key.charCodeAt(at)
  }
  const step = 1 + ((at / SPREAD_CHARACTERS) | 0)
  for (; at >= 0; at -= step) hash = Math.imul(hash, 31) + key.charCodeAt(at)
  return hash ^ (hash >>> 9)
}
