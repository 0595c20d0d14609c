import { checkBounds } from '../deadline.ts'
import type { Difference } from '../ring/difference.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { Key } from '../ring/key.ts'
import type { DistributionName, RingOptions } from '../ring/options.ts'
import { createRing } from '../ring/ring.ts'
import type { RingServer } from '../ring/server.ts'
import { type ArgumentRule, badSimulation, checkArguments } from './arguments.ts'
import {
  type ChangePlan,
  type ChangeTraffic,
  planOfTraffic,
  trafficRules,
} from './change-traffic.ts'
import { checkChangeTypes, type RemapChange } from './remap-change.ts'
import type { RemapShard } from './remap-count.ts'

/**
 * What to compare. With `requestsPerSecond` and `hitRatio`, remap() also counts the load on the
 * origin over time; all other traffic options require these two.
 */
export interface RemapInput extends Omit<ChangeTraffic, 'requestsPerSecond' | 'hitRatio'> {
  /** The servers before the change, or how many to generate. */
  readonly servers: number | readonly RingServer[]
  /** The change of servers. */
  readonly change: RemapChange
  /** How many keys to generate, or the keys themselves. Default 100,000. */
  readonly keys?: number | Iterable<Key> | AsyncIterable<Key> | undefined
  /**
   * The format of generated keys, in which `%d` becomes the number of the key. Default `key:%d`.
   */
  readonly keyFormat?: string | undefined
  /** The distributions to compare. Default `ketama` and `modula`. */
  readonly distributions?: readonly DistributionName[] | undefined
  /** The hashes to combine with every distribution. Default: each distribution's own hash. */
  readonly hashes?: readonly HashName[] | undefined
  /** Further ring options, for all distributions. */
  readonly options?: RingOptions | undefined
  /**
   * Over how many variants to average a change given as a count. Default: all of them, as long as
   * they have at most 20,000 servers together: 100 variants for 200 hosts, 2 for 10,000.
   */
  readonly trials?: number | undefined
  /** Together with `hitRatio`: also count the load on the origin, before and after the change. */
  readonly requestsPerSecond?: number | undefined
  /** Hits divided by requests, 0 to 1. */
  readonly hitRatio?: number | undefined
  /**
   * Called from time to time with the fraction of the work that is done, 0 to 1. Not called if the
   * number of keys is unknown.
   */
  readonly onProgress?: ((done: number) => void) | undefined
  /**
   * Counts a shard elsewhere, such as on a worker thread. Generated keys are split into `shards`
   * parts.
   */
  readonly runShard?:
    | ((shard: RemapShard, onProgress: (keysDone: number) => void) => Promise<Difference[]>)
    | undefined
  /** The number of shards. Default 1. */
  readonly shards?: number | undefined
  /**
   * Aborts the count. It then rejects with MINTRING_ABORTED, which says how many keys were counted.
   */
  readonly signal?: AbortSignal | undefined
}

const MAX_KEYS = 1_000_000_000_000
const SERVERS_IN_ALL_TRIALS = 20_000
/** Limits the rings to what fits into memory, at 160 points per server. */
const MAX_SERVERS_IN_ALL_TRIALS = 200_000

const RULES: Readonly<Record<keyof RemapInput, ArgumentRule>> = {
  ...trafficRules,
  servers: 'checked elsewhere',
  change: 'checked elsewhere',
  keys: 'checked elsewhere',
  keyFormat: 'checked elsewhere',
  distributions: 'checked elsewhere',
  hashes: 'checked elsewhere',
  options: 'checked elsewhere',
  trials: { min: 1, max: 100_000, isWhole: true },
  onProgress: 'function',
  runShard: 'function',
  shards: { min: 1, max: 1024, isWhole: true },
  signal: 'checked elsewhere',
}

/**
 * Checks the input.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for invalid input.
 */
export function checkRemap(input: RemapInput): void {
  checkArguments('remap', input, RULES)
  checkChangeTypes(input.change)
  const { servers, options, signal } = input
  if (typeof servers !== 'number' && !Array.isArray(servers)) {
    throw bad(`servers must be a list or a number, not ${String(servers)}`)
  }
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw bad(`options must be an object, not ${String(options)}`)
  }
  checkBounds({ signal })
  trafficOf(input)
  checkKeys(input)
  checkPlacings(input)
}

/** Returns the traffic to simulate, or undefined if none was given. */
export function trafficOf(input: RemapInput): ChangePlan | undefined {
  const { requestsPerSecond, hitRatio } = input
  if ((requestsPerSecond === undefined) !== (hitRatio === undefined)) {
    throw bad('requestsPerSecond and hitRatio must be given together')
  }
  if (requestsPerSecond !== undefined && hitRatio !== undefined) {
    return planOfTraffic({ ...input, requestsPerSecond, hitRatio }, bad)
  }
  const names = Object.keys(trafficRules) as (keyof ChangeTraffic)[]
  const alone = names.find((name) => input[name] !== undefined)
  if (alone !== undefined) throw bad(`${alone} needs requestsPerSecond and hitRatio`)
  return undefined
}

/** Returns how many variants of the change to count. */
export function trialsFor(input: RemapInput, servers: number): number {
  const { trials, change } = input
  const isCounted = typeof change.remove === 'number' || typeof change.add === 'number'
  if (trials !== undefined && !isCounted) throw bad('trials requires a change given as a count')
  const joining = typeof change.add === 'number' ? change.add : 0
  const limit = trials ?? Math.max(2, Math.floor(SERVERS_IN_ALL_TRIALS / servers))
  const built = Math.min(limit, servers) * (servers + joining)
  if (isCounted && built > MAX_SERVERS_IN_ALL_TRIALS) {
    throw bad(`all trials have ${built} servers together, more than ${MAX_SERVERS_IN_ALL_TRIALS}`)
  }
  return limit
}

function checkKeys({ keys, keyFormat, shards = 1 }: RemapInput): void {
  if (typeof keys === 'number' && !(Number.isInteger(keys) && keys >= 1 && keys <= MAX_KEYS)) {
    throw bad(`keys must be a whole number from 1 to ${MAX_KEYS}, or the keys, not ${keys}`)
  }
  const isMadeUp = keys === undefined || typeof keys === 'number'
  const isIterable = (name: symbol): boolean => name in Object(keys)
  const isGiven = isIterable(Symbol.iterator) || isIterable(Symbol.asyncIterator)
  if (!isMadeUp && (typeof keys === 'string' || !isGiven)) {
    throw bad('keys must be a whole number, or an iterable of keys')
  }
  if (!isMadeUp && keyFormat !== undefined) throw bad('keyFormat requires generated keys')
  if (!isMadeUp && shards > 1) throw bad('shards requires generated keys')
  if (keyFormat === undefined) return
  if (typeof keyFormat !== 'string' || keyFormat.split('%d').length !== 2) {
    throw bad(`keyFormat must have exactly one %d: '${String(keyFormat)}'`)
  }
}

/**
 * Builds a small ring for each distribution and hash, so that createRing() reports unknown names
 * before the count begins.
 */
function checkPlacings({ distributions = ['ketama'], hashes, options }: RemapInput): void {
  const given = hashes === undefined ? { distributions } : { distributions, hashes }
  for (const [name, list] of Object.entries(given)) {
    const isList = Array.isArray(list) && list.length > 0
    if (isList && list.every((word) => typeof word === 'string')) continue
    throw bad(`${name} must be a list of one or more names, not ${String(list)}`)
  }
  for (const distribution of distributions) {
    for (const hash of hashes ?? [undefined]) {
      createRing(['10.0.0.1'], {
        ...options,
        distribution,
        ...(hash === undefined ? {} : { hash }),
      })
    }
  }
}

const bad = (why: string): Error => badSimulation('remap', why)
