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
 * What to compare. With `requestsPerSecond` and `hitRatio`, also what the origin is asked for over
 * time; the rest of the traffic needs those two.
 */
export interface RemapInput extends Omit<ChangeTraffic, 'requestsPerSecond' | 'hitRatio'> {
  /** The servers before the change, or how many to make up. */
  readonly servers: number | readonly RingServer[]
  /** What becomes of the servers. */
  readonly change: RemapChange
  /** How many keys to make up (100,000 by default), or the keys themselves. */
  readonly keys?: number | Iterable<Key> | AsyncIterable<Key> | undefined
  /** `%d` in it becomes the number of a made-up key; `key:%d` by default. */
  readonly keyFormat?: string | undefined
  /** `ketama` and `modula` by default. */
  readonly distributions?: readonly DistributionName[] | undefined
  /** Every distribution is tried with every one of these; with its own hash by default. */
  readonly hashes?: readonly HashName[] | undefined
  /** Further ring options, for all distributions. */
  readonly options?: RingOptions | undefined
  /**
   * Over how many hosts to average a change given as a count: all of them up to 20,000 servers
   * built in all, so 100 of 200 hosts and 2 of 10,000.
   */
  readonly trials?: number | undefined
  /** With `hitRatio`: what the origin is asked for before and after the change. */
  readonly requestsPerSecond?: number | undefined
  /** Hits over requests, 0 to 1. */
  readonly hitRatio?: number | undefined
  /**
   * Called now and then with how much of the work is done, 0 to 1. Not for keys of unknown number.
   */
  readonly onProgress?: ((done: number) => void) | undefined
  /**
   * Counts a shard elsewhere, such as on a worker thread. Made-up keys are split in `shards` parts.
   */
  readonly runShard?:
    | ((shard: RemapShard, onProgress: (keysDone: number) => void) => Promise<Difference[]>)
    | undefined
  /** 1 by default. */
  readonly shards?: number | undefined
  /** Ends the count: it rejects with MINTRING_ABORTED and tells how far it came. */
  readonly signal?: AbortSignal | undefined
}

const MAX_KEYS = 1_000_000_000_000
const SERVERS_IN_ALL_TRIALS = 20_000
/** Rings that fit into memory: 160 points a server. */
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

/** @throws MintringError MINTRING_BAD_ARGUMENT for a question that is invalid. */
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

/** The traffic to count with; undefined when it was not asked for. */
export function trafficOf(input: RemapInput): ChangePlan | undefined {
  const { requestsPerSecond, hitRatio } = input
  if ((requestsPerSecond === undefined) !== (hitRatio === undefined)) {
    throw bad('requestsPerSecond and hitRatio need each other')
  }
  if (requestsPerSecond !== undefined && hitRatio !== undefined) {
    return planOfTraffic({ ...input, requestsPerSecond, hitRatio }, bad)
  }
  const names = Object.keys(trafficRules) as (keyof ChangeTraffic)[]
  const alone = names.find((name) => input[name] !== undefined)
  if (alone !== undefined) throw bad(`${alone} needs requestsPerSecond and hitRatio`)
  return undefined
}

/** How many ways the change can fall are counted. */
export function trialsFor(input: RemapInput, servers: number): number {
  const { trials, change } = input
  const isCounted = typeof change.remove === 'number' || typeof change.add === 'number'
  if (trials !== undefined && !isCounted) throw bad('trials needs a change given as a count')
  const joining = typeof change.add === 'number' ? change.add : 0
  const limit = trials ?? Math.max(2, Math.floor(SERVERS_IN_ALL_TRIALS / servers))
  const built = Math.min(limit, servers) * (servers + joining)
  if (isCounted && built > MAX_SERVERS_IN_ALL_TRIALS) {
    throw bad(`that is ${built} servers in all trials, more than ${MAX_SERVERS_IN_ALL_TRIALS}`)
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
  if (!isMadeUp && keyFormat !== undefined) throw bad('keyFormat is for keys that are made up')
  if (!isMadeUp && shards > 1) throw bad('shards are for keys that are made up')
  if (keyFormat === undefined) return
  if (typeof keyFormat !== 'string' || keyFormat.split('%d').length !== 2) {
    throw bad(`keyFormat needs one %d: '${String(keyFormat)}'`)
  }
}

/** Unknown names are what createRing() says of them, before anything is counted. */
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
