import { MintringError } from '../errors.ts'
import type { RefillEntry } from '../refill/entry.ts'
import type { RefillPolicy } from '../refill/policy.ts'
import type { Dialect } from '../refill/store.ts'
import type { WriteKind } from './stampede-fleet.ts'
import { StampedeFleet } from './stampede-fleet.ts'
import { UnprotectedFleet } from './stampede-unprotected.ts'

/**
 * How a fleet fills its cache. `none`: whoever misses loads. `in-process`: one load per process.
 * `lock-and-wait`: one for the fleet, the others wait. `stale-while-refill`: one for the fleet, the
 * others get the stale value.
 */
export type Protection = 'none' | 'in-process' | 'lock-and-wait' | 'stale-while-refill'

/** What to simulate. */
export interface StampedeInput {
  /** The same seed gives the same outcome. Default 1. */
  readonly seed?: number
  /** Client processes. Default 100. */
  readonly processes?: number
  /** Keys, all equally hot. Default 1. */
  readonly keys?: number
  /** Reads per second of the whole fleet. Default 10 per process. */
  readonly readsPerSecond?: number
  /** Writes per second of the whole fleet, each followed by one of `writeKinds`. Default 0. */
  readonly writesPerSecond?: number
  /** What follows a write, one of these by chance. Default `invalidate`. */
  readonly writeKinds?: readonly WriteKind[]
  /** Virtual seconds. Default 60. */
  readonly seconds?: number
  /** How long a load takes, on average. Default 200. */
  readonly loaderMs?: number
  /** The longest way to the server. Default 2. */
  readonly latencyMs?: number
  /** The share of loads that kill their process. Default 0. */
  readonly crashShare?: number
  /** The share of loads that throw. Default 0. */
  readonly failShare?: number
  /** The share of loads that take 25 times as long. Default 0. */
  readonly slowShare?: number
  /** Restarts of the server per second. Default 0. */
  readonly restartsPerSecond?: number
  /** The commands the server knows. Default `meta`. */
  readonly dialect?: Dialect
  /** How the fleet fills its cache. Default `stale-while-refill`. */
  readonly protection?: Protection
  /** Default: ttl 10, staleWhileRevalidate 60, lease 4. */
  readonly policy?: RefillPolicy
}

/** What happened. */
export interface StampedeReport {
  /** The seed that brings this outcome back. */
  readonly seed: number
  /** Client processes. */
  readonly processes: number
  /** How the fleet filled its cache. */
  readonly protection: Protection
  /** Reads that were begun. */
  readonly reads: number
  /** Reads that ended with an error. */
  readonly failed: number
  /** Reads of living processes that never ended. */
  readonly pending: number
  /** Reads, by how they got their value. */
  readonly states: Readonly<Record<RefillEntry['state'], number>>
  /** Calls of the loader: what the origin has to bear. */
  readonly loads: number
  /** The most at once. */
  readonly peakLoads: number
  /** Loads that began in each virtual second. */
  readonly loadsPerSecond: readonly number[]
  /** Loads that ran beside another of the same key without need. */
  readonly overlaps: number
  /** Processes that died while loading. */
  readonly crashes: number
  /** The longest from the death of a loading process to the next load of its key. */
  readonly recoveryMs: number
  /** What must never happen, and did, with the moment. The seed brings it back. */
  readonly violations: readonly string[]
}

const DEFAULT_POLICY: RefillPolicy = { ttl: 10, staleWhileRevalidate: 60, lease: 4 }

/**
 * Simulates a fleet of processes that share a cache, in virtual time, with the algorithm that the
 * client runs: counts what the origin has to bear and looks for what must never happen. Rejects
 * with MINTRING_BAD_ARGUMENT or MINTRING_BAD_POLICY.
 */
export async function stampede(input: StampedeInput = {}): Promise<StampedeReport> {
  const { seed = 1, processes = 100, seconds = 60, protection = 'stale-while-refill' } = input
  for (const [name, value] of Object.entries({ seed, processes, seconds })) {
    if (!Number.isSafeInteger(value) || value < 1) throw badArgument(name)
  }
  const policy = policyOf(input.policy ?? DEFAULT_POLICY, protection)
  const plan = {
    seed,
    processes,
    keys: input.keys ?? 1,
    policy,
    dialect: input.dialect ?? 'meta',
    loaderMs: input.loaderMs ?? 200,
    latencyMs: input.latencyMs ?? 2,
    interleaves: true,
    faults: {
      crash: input.crashShare ?? 0,
      fail: input.failShare ?? 0,
      slow: input.slowShare ?? 0,
    },
    rates: {
      reads: input.readsPerSecond ?? processes * 10,
      writes: input.writesPerSecond ?? 0,
      restarts: input.restartsPerSecond ?? 0,
      evictions: 0,
    },
    writeKinds: input.writeKinds ?? (['invalidate'] as const),
  }
  const isShared = protection === 'lock-and-wait' || protection === 'stale-while-refill'
  const fleet = isShared
    ? new StampedeFleet(plan)
    : new UnprotectedFleet(plan, protection === 'in-process')
  await fleet.run(seconds)
  const { reads, failed, pending, states, crashes, recoveryMs, origin } = fleet
  const { loads, peakLoads, loadsPerSecond, overlaps } = origin
  return {
    seed,
    processes,
    protection,
    reads,
    failed,
    pending,
    states,
    loads,
    peakLoads,
    loadsPerSecond,
    overlaps,
    crashes,
    recoveryMs,
    violations: fleet.violations,
  }
}

/** Lock and wait is the same without anything stale to serve. */
function policyOf(policy: RefillPolicy, protection: Protection): RefillPolicy {
  if (protection !== 'lock-and-wait') return policy
  return { ...policy, staleWhileRevalidate: 0, staleIfError: 0 }
}

function badArgument(name: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `stampede: ${name} must be an integer over 0`)
}
