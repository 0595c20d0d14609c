import type { RefillEntry } from '../refill/finding.ts'
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
 * `lock-and-wait`: one load for the fleet, and the others wait. `stale-while-refill`: one load for
 * the fleet, and the others get the stale value.
 */
export type Protection = 'none' | 'in-process' | 'lock-and-wait' | 'stale-while-refill'

/** What to simulate. All fields have defaults. */
export interface StampedeInput {
  /** Seed of the random numbers: the same seed gives the same result. Default 1. */
  readonly seed?: number
  /** Number of processes. Default 100. */
  readonly processes?: number
  /** Number of keys, all read equally often. Default 1. */
  readonly keys?: number
  /** Reads per second of the whole fleet. At most 100,000. Default: 10 per process. */
  readonly readsPerSecond?: number
  /** Writes per second of the whole fleet. Each is followed by one of `writeKinds`. Default 0. */
  readonly writesPerSecond?: number
  /** What a writer does to the cache: one of these at random. Default `invalidate`. */
  readonly writeKinds?: readonly WriteKind[]
  /** How long to simulate, in virtual seconds. Default 60. */
  readonly seconds?: number
  /** The average duration of a load in milliseconds. Default 200. */
  readonly loaderMs?: number
  /** The longest delay of a command to the server in milliseconds. Default 2. */
  readonly latencyMs?: number
  /** The fraction of loads that kill their process. Default 0. */
  readonly crashShare?: number
  /** The fraction of loads that throw. Default 0. */
  readonly failShare?: number
  /** The fraction of loads that take 25 times as long. Default 0. */
  readonly slowShare?: number
  /** Restarts of the server per second. Default 0. */
  readonly restartsPerSecond?: number
  /** The commands that the server supports. Default `meta`. */
  readonly dialect?: Dialect
  /** How the fleet fills its cache. Default `stale-while-refill`. */
  readonly protection?: Protection
  /** The refill policy. Default: ttl 10, staleWhileRevalidate 60, lease 4. */
  readonly policy?: RefillPolicy
}

/** The result of a simulation. */
export interface StampedeReport {
  /** The seed with which this result can be repeated. */
  readonly seed: number
  /** Number of processes. */
  readonly processes: number
  /** How the fleet filled its cache: the argument `protection`, or its default. */
  readonly protection: Protection
  /** Reads that began. */
  readonly reads: number
  /** Reads that rejected. */
  readonly failed: number
  /** Reads of live processes that never settled. */
  readonly pending: number
  /** Reads by where their value came from. */
  readonly states: Readonly<Record<RefillEntry['state'], number>>
  /** Calls of the loader: the load on the origin. */
  readonly loads: number
  /** The most loads at the same time. */
  readonly peakLoads: number
  /** Loads that began in each virtual second: as many entries as `seconds`. */
  readonly loadsPerSecond: readonly number[]
  /** Loads that began after the last second, for reads that had begun before. */
  readonly loadsAfterwards: number
  /** Loads of a key while another load of it made them unnecessary. */
  readonly overlaps: number
  /** Processes that died while loading. */
  readonly crashes: number
  /** The longest time between the death of a loading process and the next load of its key. */
  readonly recoveryMs: number
  /** Violations of the guarantees, each with its time. The seed reproduces them. */
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

/**
 * Arguments for fleets with leases only. The other protections serve as a comparison and only read.
 */
const NEEDS_LEASES = [
  'writesPerSecond',
  'crashShare',
  'failShare',
  'slowShare',
  'restartsPerSecond',
] as const

/** The limit on simulated reads and writes: this many take minutes. */
const MAX_EVENTS = 100_000_000
/** The limit on reads that wait at the same time: this many fit into memory. */
const MAX_PENDING = 1_000_000

/**
 * Simulates a fleet of processes that share a cache, in virtual time, with the client's own
 * algorithm. Counts the load on the origin, and checks the guarantees. Rejects with
 * MINTRING_BAD_ARGUMENT or MINTRING_BAD_POLICY.
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

/** Checks arguments that depend on each other. */
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
  if (input.writeKinds !== undefined && rates.writes === 0)
    bad('writeKinds requires writesPerSecond')
  const ignored = NEEDS_LEASES.find((name) => (input[name] ?? 0) > 0)
  if (!isShared && ignored !== undefined) {
    bad(`${ignored} requires protection 'lock-and-wait' or 'stale-while-refill'`)
  }
  const events = seconds * (rates.reads + rates.writes + rates.restarts * keys)
  if (events > MAX_EVENTS) bad(`these are ${events} events, more than ${MAX_EVENTS}`)
  const loadSeconds = (loaderMs * (slow > 0 ? SLOWNESS : 1) + latencyMs) / 1000
  const pending = rates.reads * Math.min(seconds, loadSeconds)
  if (pending > MAX_PENDING) {
    bad(`${Math.round(pending)} reads may wait at once, more than ${MAX_PENDING}`)
  }
}

const hasLeases = (protection: Protection): boolean =>
  protection === 'lock-and-wait' || protection === 'stale-while-refill'

/** Lock-and-wait is the same algorithm without stale values. */
function policyOf(policy: RefillPolicy, protection: Protection): RefillPolicy {
  if (protection !== 'lock-and-wait' || typeof policy !== 'object') return policy
  return { ...policy, staleWhileRevalidate: 0, staleIfError: 0 }
}
