import type { RefillEntry } from '../refill/entry.ts'
import type { RefillPolicy } from '../refill/policy.ts'
import { resolvePolicy } from '../refill/policy.ts'
import type { Dialect } from '../refill/store.ts'
import { type ArgumentRule, badSimulation, checkArguments, type NumberRule } from './arguments.ts'
import type { StampedeFleetPlan, WriteKind } from './stampede-fleet.ts'
import { StampedeFleet } from './stampede-fleet.ts'
import { SLOWNESS } from './stampede-origin.ts'
import { UnprotectedFleet } from './stampede-unprotected.ts'

/**
 * How a fleet fills its cache. `none`: every miss loads. `in-process`: one load per process.
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
  /** Reads per second of the whole fleet. Default 10 per process; at most 100,000. */
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
  /** Loads that began in each virtual second: as many entries as `seconds`. */
  readonly loadsPerSecond: readonly number[]
  /** Loads that began after the last second, for reads that had begun before. */
  readonly loadsAfterwards: number
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

const DAY_MS = 86_400_000
const SHARE: NumberRule = { min: 0, max: 1 }
const RATE: NumberRule = { min: 0, max: 100_000 }

const RULES: Readonly<Record<keyof StampedeInput, ArgumentRule>> = {
  seed: { min: 1, max: Number.MAX_SAFE_INTEGER, isWhole: true },
  processes: { min: 1, max: 100_000, isWhole: true },
  keys: { min: 1, max: 1_000_000, isWhole: true },
  readsPerSecond: RATE,
  writesPerSecond: RATE,
  writeKinds: { listOf: ['invalidate', 'refresh', 'set', 'delete'] },
  seconds: { min: 1, max: 1_000_000, isWhole: true },
  loaderMs: { min: 0, max: DAY_MS },
  latencyMs: { min: 0, max: DAY_MS },
  crashShare: SHARE,
  failShare: SHARE,
  slowShare: SHARE,
  restartsPerSecond: { min: 0, max: 1_000 },
  dialect: ['meta', 'classic'],
  protection: ['none', 'in-process', 'lock-and-wait', 'stale-while-refill'],
  policy: 'checked elsewhere',
}

/** What only a fleet with leases does: the other protections are for comparison, reads alone. */
const NEEDS_LEASES = [
  'writesPerSecond',
  'crashShare',
  'failShare',
  'slowShare',
  'restartsPerSecond',
] as const

/** Events that are simulated in minutes, and reads under way that fit into memory. */
const MAX_EVENTS = 100_000_000
const MAX_PENDING = 1_000_000

/**
 * Simulates a fleet of processes that share a cache, in virtual time, with the algorithm that the
 * client runs: counts what the origin has to bear and looks for what must never happen. Rejects
 * with MINTRING_BAD_ARGUMENT or MINTRING_BAD_POLICY.
 */
export async function stampede(input: StampedeInput = {}): Promise<StampedeReport> {
  checkArguments('stampede', input, RULES)
  const { seed = 1, processes = 100, seconds = 60, protection = 'stale-while-refill' } = input
  const plan = planOf(input)
  const isShared = hasLeases(protection)
  checkTogether(input, plan, seconds, isShared)
  const fleet = isShared
    ? new StampedeFleet(plan)
    : new UnprotectedFleet(plan, protection === 'in-process')
  await fleet.run(seconds)
  const { reads, failed, pending, states, crashes, recoveryMs, origin } = fleet
  const { loads, peakLoads, overlaps } = origin
  const loadsPerSecond = Array.from({ length: seconds }, (_, i) => origin.loadsPerSecond[i] ?? 0)
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
    loadsAfterwards: loads - loadsPerSecond.reduce((sum, count) => sum + count, 0),
    overlaps,
    crashes,
    recoveryMs,
    violations: fleet.violations,
  }
}

function planOf(input: StampedeInput): StampedeFleetPlan {
  const { processes = 100, protection = 'stale-while-refill' } = input
  return {
    seed: input.seed ?? 1,
    processes,
    keys: input.keys ?? 1,
    policy: policyOf(input.policy === undefined ? DEFAULT_POLICY : input.policy, protection),
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
      reads: input.readsPerSecond ?? Math.min(processes * 10, RATE.max),
      writes: input.writesPerSecond ?? 0,
      restarts: input.restartsPerSecond ?? 0,
      evictions: 0,
    },
    writeKinds: input.writeKinds ?? ['invalidate'],
  }
}

/** What no argument tells alone. */
function checkTogether(
  input: StampedeInput,
  { faults, rates, keys, loaderMs, latencyMs, policy }: StampedeFleetPlan,
  seconds: number,
  isShared: boolean,
): void {
  resolvePolicy(policy)
  const bad = (why: string): never => {
    throw badSimulation('stampede', why)
  }
  const { crash, fail, slow } = faults
  if (crash + fail + slow > 1) bad('crashShare, failShare and slowShare are more than 1 together')
  if (input.writeKinds !== undefined && rates.writes === 0) bad('writeKinds needs writesPerSecond')
  const ignored = NEEDS_LEASES.find((name) => (input[name] ?? 0) > 0)
  if (!isShared && ignored !== undefined) {
    bad(`${ignored} needs protection 'lock-and-wait' or 'stale-while-refill'`)
  }
  const events = seconds * (rates.reads + rates.writes + rates.restarts * keys)
  if (events > MAX_EVENTS) bad(`that is ${events} events, more than ${MAX_EVENTS}`)
  const loadSeconds = (loaderMs * (slow > 0 ? SLOWNESS : 1) + latencyMs) / 1000
  const pending = rates.reads * Math.min(seconds, loadSeconds)
  if (pending > MAX_PENDING) {
    bad(`${Math.round(pending)} reads may wait at once, more than ${MAX_PENDING}`)
  }
}

const hasLeases = (protection: Protection): boolean =>
  protection === 'lock-and-wait' || protection === 'stale-while-refill'

/** Lock and wait is the same without anything stale to serve. */
function policyOf(policy: RefillPolicy, protection: Protection): RefillPolicy {
  if (protection !== 'lock-and-wait' || typeof policy !== 'object') return policy
  return { ...policy, staleWhileRevalidate: 0, staleIfError: 0 }
}
