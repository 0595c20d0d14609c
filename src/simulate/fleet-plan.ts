import { type ArgumentRule, badSimulation, checkArguments, type NumberRule } from './arguments.ts'

/** A fleet that shares a cache of several hosts. One of them, or some, fail and return. */
export interface FleetInput {
  /** Number of processes. Default 1,000. */
  readonly processes?: number
  /** Number of cache hosts. Default 4. The first ones fail. */
  readonly hosts?: number
  /** How many hosts fail at the same time. Default 1. At most 8, and one host stays. */
  readonly hostsOut?: number
  /** Number of keys, all read equally often. Default 1,000. */
  readonly keys?: number
  /** Reads per second of the whole fleet. Default 10,000. */
  readonly readsPerSecond?: number
  /** Writes per second of the whole fleet. Default 100. */
  readonly writesPerSecond?: number
  /** Duration of an outage in milliseconds. Default 10,000. */
  readonly outageMs?: number
  /** Number of outages. Default 1. */
  readonly outages?: number
  /**
   * Time from the end of an outage to the next one, or to the end, in milliseconds. Default 20,000.
   */
  readonly pauseMs?: number
  /** The share of processes that cannot reach the host. Default 1. */
  readonly cutShare?: number
  /**
   * Time from the beginning of the outage until the last process ejects the host, in milliseconds.
   * Default: serverFailureLimit × requestTimeoutMs.
   */
  readonly detectMs?: number
  /**
   * Time from the end of the outage until the last process has taken the host back, without jitter,
   * in milliseconds.
   */
  readonly retryTimeoutMs?: number
  /** What happens to the host's keys during the outage. Default `rehash`. */
  readonly failover?: 'rehash' | 'miss' | 'gutter'
  /** What happens to the host's values when it returns. Default `trust`. */
  readonly onReturn?: 'trust' | 'flush'
  /**
   * Whether a process deletes from the returning host the keys that it wrote elsewhere meanwhile.
   * Default true.
   */
  readonly journal?: boolean
  /**
   * How long after a process sees the host fail or return its writes also delete the key on its
   * fallback host, in milliseconds. Only with failover `rehash`. Default 10,000, like the behavior.
   */
  readonly precautionsMs?: number
  /** Lifetime of items in milliseconds. Default 300,000. */
  readonly ttlMs?: number
  /** The longest lifetime of items on a gutter host, in milliseconds. Default 10,000. */
  readonly gutterTtlMs?: number
  /** Seed of the random numbers: the same seed gives the same counts. Default 1. */
  readonly seed?: number
}

/** FleetInput with all defaults filled in, and with the times of the outages. */
export interface FleetPlan extends Required<Omit<FleetInput, 'outages' | 'outageMs' | 'pauseMs'>> {
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly endMs: number
}

const DEFAULTS: Required<FleetInput> = {
  processes: 1_000,
  hosts: 4,
  hostsOut: 1,
  keys: 1_000,
  readsPerSecond: 10_000,
  writesPerSecond: 100,
  outageMs: 10_000,
  outages: 1,
  pauseMs: 20_000,
  cutShare: 1,
  detectMs: 1_000,
  retryTimeoutMs: 2_000,
  failover: 'rehash',
  onReturn: 'trust',
  journal: true,
  precautionsMs: 10_000,
  ttlMs: 300_000,
  gutterTtlMs: 10_000,
  seed: 1,
}

const DURATION: NumberRule = { min: 0, max: 30 * 86_400_000 }
const RATE: NumberRule = { min: 0, max: 1_000_000 }

const RULES: Readonly<Record<keyof FleetInput, ArgumentRule>> = {
  processes: { min: 1, max: 1_000_000, isWhole: true },
  hosts: { min: 2, max: 1_000, isWhole: true },
  hostsOut: { min: 1, max: 8, isWhole: true },
  keys: { min: 1, max: 1_000_000, isWhole: true },
  readsPerSecond: RATE,
  writesPerSecond: RATE,
  outageMs: DURATION,
  outages: { min: 1, max: 1_000_000, isWhole: true },
  pauseMs: DURATION,
  cutShare: { min: 0, max: 1 },
  detectMs: DURATION,
  retryTimeoutMs: DURATION,
  failover: ['rehash', 'miss', 'gutter'],
  onReturn: ['trust', 'flush'],
  journal: 'boolean',
  precautionsMs: DURATION,
  ttlMs: DURATION,
  gutterTtlMs: DURATION,
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER, isWhole: true },
}

/** Time for the caches to fill before the first outage. */
const WARM_MS = 5_000
/** The limit on simulated reads and writes: this many take minutes. */
const MAX_EVENTS = 100_000_000
/** The limit on ejections (processes × outages): this many fit into memory. */
const MAX_ABSENCES = 2_000_000

/**
 * Checks the arguments and fills in the defaults.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT for invalid arguments.
 */
export function fleetPlanOf(input: FleetInput): FleetPlan {
  checkArguments('fleet', input, RULES)
  const said = Object.entries(input).filter(([, value]) => value !== undefined)
  const all: Required<FleetInput> = { ...DEFAULTS, ...Object.fromEntries(said) }
  const { outages: count, outageMs, pauseMs, ...rest } = all
  if (count * all.processes * all.hostsOut > MAX_ABSENCES) {
    throw badSimulation('fleet', `processes × outages must be at most ${MAX_ABSENCES}`)
  }
  if (all.hostsOut >= all.hosts) {
    throw badSimulation('fleet', 'hostsOut must be less than hosts')
  }
  const endMs = WARM_MS + count * (outageMs + pauseMs)
  const events = ((all.readsPerSecond + all.writesPerSecond) * endMs) / 1000
  if (events > MAX_EVENTS) {
    throw badSimulation('fleet', `these are ${Math.round(events)} events, more than ${MAX_EVENTS}`)
  }
  if (input.gutterTtlMs !== undefined && all.failover !== 'gutter') {
    throw badSimulation('fleet', "gutterTtlMs needs failover 'gutter'")
  }
  const outages = Array.from({ length: count }, (_, i) => {
    const fromMs = WARM_MS + i * (outageMs + pauseMs)
    return { fromMs, toMs: fromMs + outageMs }
  })
  return { ...rest, outages, endMs }
}
