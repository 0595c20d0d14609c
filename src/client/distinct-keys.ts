import { hashOf } from '../net/key-set.ts'
import type { KeyMapping } from './keys.ts'

/** How many keys one Set holds: a large one blocks the event loop each time it grows. */
const MAX_TOGETHER = 32_768
/** How many sets hold the keys beyond that. */
const SHARDS = 64

/** The distinct keys of a batch of any size, in the order in which they were added. */
export class DistinctKeys {
  /** The keys, once trim() was called. */
  readonly keys: string[]
  readonly #mapping: KeyMapping
  #size = 0
  /** The keys to send; undefined while they equal `keys`. */
  #wireKeys: string[] | undefined
  readonly #first = new Set<string>()
  #shards: Set<string>[] | undefined

  /**
   * `room` is an array to reuse, which saves growing one: it may contain the keys that will be
   * added, in the same order.
   */
  constructor(mapping: KeyMapping, room: string[] = []) {
    this.#mapping = mapping
    this.keys = room
  }

  /** The keys to send. */
  get wireKeys(): readonly string[] {
    return this.#wireKeys ?? this.keys
  }

  /** Adds a key; returns false if it is present. Throws MINTRING_BAD_KEY. */
  add(key: string): boolean {
    const wireKey = this.#mapping.wireKey(key)
    if (!this.#isNew(key)) return false
    if (wireKey !== key) this.#wireKeys ??= this.keys.slice(0, this.#size)
    this.keys[this.#size++] = key
    this.#wireKeys?.push(wireKey)
    return true
  }

  /** Ends the list of keys after the last one that was added. */
  trim(): void {
    this.keys.length = this.#size
  }

  #isNew(key: string): boolean {
    const first = this.#first
    const isFull = first.size === MAX_TOGETHER
    if (isFull && first.has(key)) return false
    const keys = isFull ? this.#shardOf(key) : first
    const before = keys.size
    return keys.add(key).size > before
  }

  #shardOf(key: string): Set<string> {
    this.#shards ??= Array.from({ length: SHARDS }, () => new Set<string>())
    return this.#shards[hashOf(key) & (SHARDS - 1)]!
  }
}
