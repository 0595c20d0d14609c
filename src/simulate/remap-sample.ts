import type { Key } from '../ring/key.ts'
import { parseServer, type RingServer } from '../ring/server.ts'
import { aborted } from './abort.ts'
import { badSimulation } from './arguments.ts'
import { itemsOf, metadumpKeys } from './remap-metadump.ts'
import { seededRandom } from './virtual-time.ts'

/** The keys that were drawn from one live server. */
export interface SampledServer {
  /** The label of the server, as `createRing` makes it. */
  readonly server: string
  /** Keys in the sample. */
  readonly keys: number
  /** Keys in the server's dump. */
  readonly items: number
}

/** Keys of live servers. Each server contributes in proportion to its number of keys. */
export interface KeySample {
  /** The keys, in random order. */
  readonly keys: readonly Key[]
  /** How many keys came from each server, in the order of the list. */
  readonly servers: readonly SampledServer[]
}

/** Options of a sample. */
export interface SampleOptions {
  /** How many keys to take in total. */
  readonly keys: number
  /**
   * Seed of the random numbers: from the same dumps, the same seed takes the same keys. Default 1.
   */
  readonly seed?: number | undefined
  /** Aborts the sampling, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
}

/** Fewer keys than this are not representative. */
export const MIN_SAMPLE_KEYS = 30
const MAX_SAMPLE_KEYS = 10_000_000

/**
 * Takes random keys from live servers, from each in proportion to its number of keys, at most
 * `keys` in total. Reads every dump to its end, because memcached lists small items first. Rejects
 * like metadumpKeys() if any server fails: its share of the keys would be missing.
 */
export async function sampleKeys(
  servers: readonly RingServer[],
  { keys, seed = 1, signal }: SampleOptions,
): Promise<KeySample> {
  if (!(Number.isInteger(keys) && keys >= 1 && keys <= MAX_SAMPLE_KEYS)) {
    throw badSimulation(
      'sample',
      `keys must be a whole number up to ${MAX_SAMPLE_KEYS}, not ${keys}`,
    )
  }
  let pots: readonly Pot[] = []
  const ending = new AbortController()
  const both = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal])
  try {
    const items = await Promise.all(servers.map((server) => itemsOf(server, { signal: both })))
    const total = items.reduce((sum, count) => sum + count, 0)
    pots = servers.map((_, i) => {
      // Takes some spare keys: a count may change, and includes expired items that are not dumped.
      const room = Math.ceil((keys * items[i]! * ROOM) / Math.max(1, total)) + SPARE
      return new Pot(Math.min(keys, room), seededRandom(seed + i))
    })
    await Promise.all(
      servers.map((server, i) => pots[i]!.fill(metadumpKeys(server, { signal: both }))),
    )
    return shared(servers, pots, keys)
  } catch (error) {
    if (signal?.aborted !== true) throw error
    throw aborted(
      signal,
      pots.reduce((sum, { seen }) => sum + seen, 0),
    )
  } finally {
    // Ends the dumps of the other servers after a failure.
    ending.abort()
  }
}

const ROOM = 1.1
const SPARE = 16

/** A uniform sample of a stream of unknown length: Vitter's algorithm R. */
class Pot {
  readonly keys: Key[] = []
  seen = 0
  readonly #size: number
  readonly #random: () => number

  constructor(size: number, random: () => number) {
    this.#size = size
    this.#random = random
  }

  async fill(keys: AsyncIterable<Key>): Promise<void> {
    for await (const key of keys) {
      const at = this.seen < this.#size ? this.seen : Math.floor(this.#random() * (this.seen + 1))
      if (at < this.#size) this.keys[at] = key
      this.seen++
    }
  }

  /** Returns `count` random keys of the sample. */
  take(count: number): Key[] {
    const { keys } = this
    for (let i = 0; i < count; i++) {
      const other = i + Math.floor(this.#random() * (keys.length - i))
      const held = keys[i]!
      keys[i] = keys[other]!
      keys[other] = held
    }
    return keys.slice(0, count)
  }
}

/**
 * Takes keys from each sample in proportion to the size of its dump, limited by the smallest
 * sample.
 */
function shared(servers: readonly RingServer[], pots: readonly Pot[], keys: number): KeySample {
  const items = pots.map(({ seen }) => seen)
  const total = items.reduce((sum, count) => sum + count, 0)
  const possible = pots
    .filter(({ seen }) => seen > 0)
    .map((pot) => Math.floor((pot.keys.length * total) / pot.seen))
  const counts = portions(Math.min(keys, ...possible), items)
  const taken = pots.map((pot, i) => pot.take(Math.min(counts[i]!, pot.keys.length)))
  return {
    keys: taken.flat(),
    servers: servers.map((server, i) => ({
      server: parseServer(server).label,
      keys: taken[i]!.length,
      items: items[i]!,
    })),
  }
}

/** Splits a whole number by shares, rounding the largest remainders up. */
function portions(whole: number, shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (total === 0) return shares.map(() => 0)
  const exact = shares.map((share) => (whole * share) / total)
  const counts = exact.map(Math.floor)
  const left = whole - counts.reduce((sum, count) => sum + count, 0)
  const byRemainder = exact.map((_, i) => i).sort((a, b) => rest(exact[b]!) - rest(exact[a]!))
  for (const i of byRemainder.slice(0, left)) counts[i]!++
  return counts
}

const rest = (value: number): number => value - Math.floor(value)
