import { type Difference, DifferenceCounter } from '../ring/difference.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import type { DistributionName, RingOptions } from '../ring/options.ts'
import { createRing, type Ring } from '../ring/ring.ts'
import type { RingServer } from '../ring/server.ts'
import type { Pauses } from './abort.ts'
import { pointsRemark } from './remap-remark.ts'

/** A distribution and its key hash. */
export interface Placing {
  /** How the ring maps hashes to servers. */
  readonly distribution: DistributionName
  /** How the ring hashes keys. Default: the distribution's own hash. */
  readonly hash: HashName | undefined
}

/**
 * A part of the count that can run on any thread: generated keys from number `from` up to `to`,
 * exclusive.
 */
export interface RemapShard {
  /** The servers before the change. */
  readonly servers: readonly RingServer[]
  /** The servers after the change, for each variant of it. */
  readonly trials: readonly (readonly RingServer[])[]
  /** The distribution and the hash to count with. */
  readonly placing: Placing
  /** Further ring options. */
  readonly options: RingOptions
  /** The format of keys, in which `%d` becomes the number of the key. */
  readonly keyFormat: string
  /** The number of the first key. */
  readonly from: number
  /** The number after the last key. */
  readonly to: number
}

/** How many keys to count between two progress reports, and lookups between two pauses. */
const SLICE_KEYS = 65_536
/** The cost of adding a server to a ring, measured in lookups: its points are hashed and sorted. */
const WORK_PER_SERVER = 100

/** Counts moved keys for one distribution and hash. Hashes a key once for all rings. */
export class RemapCounter {
  readonly ring: Ring
  readonly #after: readonly Ring[]
  readonly #counters: readonly DifferenceCounter[]

  constructor(ring: Ring, after: readonly Ring[]) {
    this.ring = ring
    this.#after = after
    this.#counters = after.map((then) => new DifferenceCounter(ring.changeTo(then)))
  }

  count(key: Key): void {
    const hash = this.ring.hashOf(key)
    const from = this.ring.indexOfHash(hash, key)
    for (let i = 0; i < this.#after.length; i++) {
      this.#counters[i]!.count(from, this.#after[i]!.indexOfHash(hash, key))
    }
  }

  /** Why unrelated keys move, if the rings show it. */
  get remark(): string | undefined {
    return pointsRemark(this.ring, this.#after[0]!)
  }

  /** Returns, for each trial, how many keys moved. */
  results(): Difference[] {
    return this.#counters.map((counter) => counter.result())
  }
}

/** A shard (a part of the count for one thread) without its range of keys. */
export type RemapRings = Omit<RemapShard, 'keyFormat' | 'from' | 'to'>

const optionsOf = ({ options, placing: { distribution, hash } }: RemapRings): RingOptions => ({
  ...options,
  distribution,
  hash,
})

/**
 * Creates a counter. It pauses while it builds the rings, because thousands of servers take
 * seconds.
 */
export async function counterFor(rings: RemapRings, pauses: Pauses): Promise<RemapCounter> {
  const options = optionsOf(rings)
  const ring = createRing(rings.servers, options)
  if (pauses.isDue(rings.servers.length * WORK_PER_SERVER)) await pauses.take()
  const after: Ring[] = []
  for (const servers of rings.trials) {
    after.push(createRing(servers, options))
    if (pauses.isDue(servers.length * WORK_PER_SERVER)) await pauses.take()
  }
  return new RemapCounter(ring, after)
}

/** Counts a shard of generated keys. Memory grows with the number of servers, not of keys. */
export function countShard(
  shard: RemapShard,
  onProgress: (keysDone: number) => void = () => {},
): Difference[] {
  const options = optionsOf(shard)
  const after = shard.trials.map((servers) => createRing(servers, options))
  const counter = new RemapCounter(createRing(shard.servers, options), after)
  for (let from = shard.from; from < shard.to; from += SLICE_KEYS) {
    onProgress(countSlice(counter, shard, from, SLICE_KEYS))
  }
  return counter.results()
}

/** Like countShard(), but pauses so that a signal can fire. */
export async function countWithPauses(
  shard: RemapShard,
  pauses: Pauses,
  onProgress: (keysDone: number) => void,
): Promise<Difference[]> {
  const counter = await counterFor(shard, pauses)
  const keys = Math.max(1, Math.floor(SLICE_KEYS / shard.trials.length))
  for (let from = shard.from; from < shard.to; from += keys) {
    onProgress(countSlice(counter, shard, from, keys))
    await pauses.take()
  }
  return counter.results()
}

/** Counts up to `keys` keys of a shard, from number `from` on. Returns how many it counted. */
function countSlice(counter: RemapCounter, shard: RemapShard, from: number, keys: number): number {
  const [head = '', tail = ''] = shard.keyFormat.split('%d')
  const end = Math.min(shard.to, from + keys)
  for (let i = from; i < end; i++) counter.count(`${head}${i}${tail}`)
  return end - from
}

/** Adds up differences of the same change over different keys. */
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
