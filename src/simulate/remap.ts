import type { Difference } from '../ring/difference.ts'
import { type HashName, loadHash } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import { createRing } from '../ring/ring.ts'
import { parseServer, type RingServer } from '../ring/server.ts'
import { Pauses, untilAborted } from './abort.ts'
import { badSimulation } from './arguments.ts'
import { type ChangeOverTime, costOfChange, isCountable } from './change-cost.ts'
import type { ChangePlan } from './change-traffic.ts'
import { describeChange, generatedServers, type Trial, trialsOf } from './remap-change.ts'
import {
  counterFor,
  countWithPauses,
  type Placing,
  type RemapCounter,
  type RemapRings,
  sumDifferences,
} from './remap-count.ts'
import { checkRemap, type RemapInput, trafficOf, trialsFor } from './remap-input.ts'
import { pointsRemark } from './remap-remark.ts'
import { movedOf, type RemapResult, resultOf } from './remap-result.ts'
import { seededRandom } from './virtual-time.ts'

/** The result for every distribution. */
export interface RemapReport {
  /** The change as text. */
  readonly change: string
  /** The number of keys counted. */
  readonly keys: number
  /** The servers before the change. */
  readonly servers: readonly string[]
  /** Over how many variants of the change the results are averaged. */
  readonly trials: number
  /** One result per distribution and hash. */
  readonly results: readonly RemapResult[]
}

const DEFAULT_KEYS = 100_000
const MAX_KEYS_FOLLOWED = 1_000_000

/**
 * Counts how many keys a change of servers moves. Uses no clock and no network, so the result is
 * always the same. Memory grows with the number of servers, not of keys.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for invalid input, and what `createRing` throws.
 */
export async function remap(input: RemapInput): Promise<RemapReport> {
  checkRemap(input)
  const traffic = trafficOf(input)
  const servers =
    typeof input.servers === 'number' ? generatedServers(input.servers) : input.servers
  const limit = trialsFor(input, servers.length)
  const pauses = new Pauses(input.signal)
  createRing(servers, input.options)
  await pauses.take()
  const trials = trialsOf(servers, input.change, limit)
  const placings = placingsOf(input)
  await Promise.all([loadHash('xxh32'), loadHash('xxh64')])
  const counted = await count(input, servers, trials, placings, pauses).catch((error) => {
    pauses.check()
    throw error
  })
  const results: RemapResult[] = []
  for (const { placing, hash, differences, remark } of counted) {
    const { distribution } = placing
    const overTime = traffic && (await followed(differences, traffic, pauses))
    const input = { distribution, hash, servers, trials, differences, remark, traffic, overTime }
    results.push(resultOf(input))
  }
  return {
    change: describeChange(input.change),
    keys: counted[0]!.differences[0]!.keys,
    servers: servers.map((server) => parseServer(server).label),
    trials: trials.length,
    results,
  }
}

/**
 * Simulates the change over time. Which keys move is random, in the fraction that was counted: the
 * popularity of a key does not depend on its server.
 */
async function followed(
  differences: readonly Difference[],
  traffic: ChangePlan,
  pauses: Pauses,
): Promise<ChangeOverTime | undefined> {
  if (!isCountable(traffic)) return undefined
  const keys = Math.min(differences[0]!.keys, MAX_KEYS_FOLLOWED)
  const moved = movedOf(differences)
  const isMoved = (rank: number): boolean => seededRandom(Math.imul(rank, 0x85ebca6b))() < moved
  return costOfChange(keys, isMoved, traffic, pauses)
}

interface Counted {
  readonly placing: Placing
  readonly hash: HashName
  readonly differences: readonly Difference[]
  readonly remark: string | undefined
}

function placingsOf(input: RemapInput): Placing[] {
  const { distributions = ['ketama', 'modula'], hashes } = input
  const list = hashes ?? [undefined]
  return distributions.flatMap((distribution) => list.map((hash) => ({ distribution, hash })))
}

async function count(
  input: RemapInput,
  servers: readonly RingServer[],
  trials: readonly Trial[],
  placings: readonly Placing[],
  pauses: Pauses,
): Promise<Counted[]> {
  const { keys = DEFAULT_KEYS, options = {} } = input
  const base = { servers, trials: trials.map((trial) => trial.servers), options }
  if (typeof keys !== 'number') return countGiven(keys, input, base, placings, pauses)
  const counted: Counted[] = []
  let done = 0
  for (const placing of placings) {
    // A ring of thousands of servers takes a second: let a signal fire between two.
    const ring = createRing(servers, { ...options, ...placing })
    await pauses.take()
    const after = createRing(base.trials[0]!, { ...options, ...placing })
    await pauses.take()
    const onProgress = (keysDone: number): void => {
      done += keysDone
      pauses.keys = done
      input.onProgress?.(done / (keys * placings.length))
    }
    const differences = await countMadeUp({ ...base, placing }, keys, input, onProgress, pauses)
    const remark = pointsRemark(ring, after)
    counted.push({ placing, hash: ring.hash, differences, remark })
  }
  return counted
}

async function countMadeUp(
  base: RemapRings,
  keys: number,
  input: RemapInput,
  onProgress: (keysDone: number) => void,
  pauses: Pauses,
): Promise<Difference[]> {
  const { keyFormat = 'key:%d', shards = 1 } = input
  const run = input.runShard ?? ((shard) => countWithPauses(shard, pauses, onProgress))
  const parts = await Promise.all(
    Array.from({ length: shards }, async (_, i) => {
      pauses.check()
      const from = Math.floor((keys * i) / shards)
      const to = Math.floor((keys * (i + 1)) / shards)
      return run({ ...base, keyFormat, from, to }, onProgress)
    }),
  )
  return base.trials.map((_, trial) => sumDifferences(parts.map((part) => part[trial]!)))
}

async function countGiven(
  keys: Iterable<Key> | AsyncIterable<Key>,
  { signal }: RemapInput,
  base: Omit<RemapRings, 'placing'>,
  placings: readonly Placing[],
  pauses: Pauses,
): Promise<Counted[]> {
  const counters: RemapCounter[] = []
  for (const placing of placings) counters.push(await counterFor({ ...base, placing }, pauses))
  const lookups = placings.length * base.trials.length
  for await (const key of signal === undefined ? keys : untilAborted(keys, signal)) {
    pauses.keys++
    for (const counter of counters) counter.count(key)
    if (pauses.isDue(lookups)) await pauses.take()
  }
  if (pauses.keys === 0) throw badSimulation('remap', 'there are no keys to count')
  return counters.map((counter, i) => ({
    placing: placings[i]!,
    hash: counter.ring.hash,
    differences: counter.results(),
    remark: counter.remark,
  }))
}
