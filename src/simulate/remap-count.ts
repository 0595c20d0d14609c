import { type Difference, DifferenceCounter } from '../ring/difference.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import type { DistributionName, RingOptions } from '../ring/options.ts'
import { createRing, type Ring } from '../ring/ring.ts'
import type { RingServer } from '../ring/server.ts'
import { pointsRemark } from './remap-remark.ts'

/** A distribution with its key hash. */
export interface Placing {
  /** How hashes become servers. */
  readonly distribution: DistributionName
  /** How keys become hashes; the distribution's own when undefined. */
  readonly hash: HashName | undefined
}

/** Work that can be done on any thread: generated keys from `from` up to, not including, `to`. */
export interface RemapShard {
  /** The servers before the change. */
  readonly servers: readonly RingServer[]
  /** The servers after the change, for every way it can fall. */
  readonly trials: readonly (readonly RingServer[])[]
  /** The distribution and the hash to count with. */
  readonly placing: Placing
  /** Further ring options. */
  readonly options: RingOptions
  /** Keys are this with `%d` replaced by a number. */
  readonly keyFormat: string
  /** The number of the first key. */
  readonly from: number
  /** The number after that of the last key. */
  readonly to: number
}

/** How often `onProgress` is called, in keys. */
const PROGRESS_EVERY = 65_536

/** Counts moves for one placing: one key is hashed once and looked up on every ring. */
export class RemapCounter {
  readonly ring: Ring
  readonly #after: readonly Ring[]
  readonly #counters: readonly DifferenceCounter[]

  constructor(shard: Omit<RemapShard, 'keyFormat' | 'from' | 'to'>) {
    const { distribution, hash } = shard.placing
    const options: RingOptions = { ...shard.options, distribution, hash }
    this.ring = createRing(shard.servers, options)
    this.#after = shard.trials.map((servers) => createRing(servers, options))
    this.#counters = this.#after.map((ring) => new DifferenceCounter(this.ring.changeTo(ring)))
  }

  count(key: Key): void {
    const hash = this.ring.hashOf(key)
    const from = this.ring.indexOfHash(hash, key)
    for (let i = 0; i < this.#after.length; i++) {
      this.#counters[i]!.count(from, this.#after[i]!.indexOfHash(hash, key))
    }
  }

  /** Why unrelated keys move, where the rings tell. */
  get remark(): string | undefined {
    return pointsRemark(this.ring, this.#after[0]!)
  }

  /** One difference per trial. */
  results(): Difference[] {
    return this.#counters.map((counter) => counter.result())
  }
}

/** Counts a shard of generated keys. Memory depends on the servers, not on the keys. */
export function countShard(
  shard: RemapShard,
  onProgress: (keysDone: number) => void = () => {},
): Difference[] {
  const counter = new RemapCounter(shard)
  const [head = '', tail = ''] = shard.keyFormat.split('%d')
  let done = shard.from
  for (let i = shard.from; i < shard.to; i++) {
    counter.count(`${head}${i}${tail}`)
    if (i - done < PROGRESS_EVERY) continue
    onProgress(i - done)
    done = i
  }
  onProgress(shard.to - done)
  return counter.results()
}

/** The sum of differences over different keys of the same change. */
export function sumDifferences(differences: readonly Difference[]): Difference {
  const [first, ...others] = differences
  let sum = first!
  for (const other of others) {
    sum = {
      ...sum,
      keys: sum.keys + other.keys,
      moved: sum.moved + other.moved,
      unrelated: sum.unrelated + other.unrelated,
      before: sum.before.map((count, i) => count + other.before[i]!),
      after: sum.after.map((count, i) => count + other.after[i]!),
    }
  }
  return sum
}
