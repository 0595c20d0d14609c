/** A power of two, and some times as many as a batch has keys. */
const SLOTS = 512
/** Of what is before a key's tail, so many characters are looked at, evenly spread. */
const SPREAD_CHARACTERS = 8
/** Keys of one batch differ most in their last characters, where their numbers are. */
const TAIL_CHARACTERS = 8

const LAST_BATCH = 0x7fff_ffff

/**
 * The different keys of one batch. A `Set` would grow anew for each batch: this one is emptied by
 * counting up, as its entries tell which batch they are from.
 */
export class KeySet {
  readonly #keys: string[] = new Array<string>(SLOTS).fill('')
  readonly #batches = new Int32Array(SLOTS)
  #batch = 1

  /** Adds a key; false when it is there. The caller adds fewer than there are slots. */
  add(key: string): boolean {
    const batches = this.#batches
    let slot = slotOf(key)
    while (batches[slot] === this.#batch) {
      if (this.#keys[slot] === key) return false
      slot = (slot + 1) & (SLOTS - 1)
    }
    batches[slot] = this.#batch
    this.#keys[slot] = key
    return true
  }

  /** Empties it. */
  clear(): void {
    if (this.#batch === LAST_BATCH) {
      this.#batches.fill(0)
      this.#batch = 0
    }
    this.#batch++
  }
}

function slotOf(key: string): number {
  const { length } = key
  let hash = length
  let at = length - 1
  for (const tail = length - TAIL_CHARACTERS; at >= 0 && at >= tail; at--) {
    hash = Math.imul(hash, 31) + key.charCodeAt(at)
  }
  const step = 1 + ((at / SPREAD_CHARACTERS) | 0)
  for (; at >= 0; at -= step) hash = Math.imul(hash, 31) + key.charCodeAt(at)
  return (hash ^ (hash >>> 9)) & (SLOTS - 1)
}
