import { type ArgumentRule, badSimulation, checkArguments, type NumberRule } from './arguments.ts'

/** A fleet that shares a cache, of which one host goes away and comes back. */
export interface FleetInput {
  /** Processes that use the cache; 1,000 by default. */
  readonly processes?: number
  /** Hosts of the cache; 4 by default. The first one goes away. */
  readonly hosts?: number
  /** Keys, each as often read as any other; 1,000 by default. */
  readonly keys?: number
  /** Reads per second of the whole fleet; 10,000 by default. */
  readonly readsPerSecond?: number
  /** Writes per second of the whole fleet; 100 by default. */
  readonly writesPerSecond?: number
  /** How long the host is away, each time; 10,000 by default. */
  readonly outageMs?: number
  /** How often it goes; 1 by default. */
  readonly outages?: number
  /** From the end of an outage to the next, and to the end; 20,000 by default. */
  readonly pauseMs?: number
  /** The share of the processes that cannot reach it; 1 by default. */
  readonly cutShare?: number
  /** From the outage to the last process that ejects: serverFailureLimit × requestTimeoutMs. */
  readonly detectMs?: number
  /** From the end of the outage to the last process that has it back, but for jitter. */
  readonly retryTimeoutMs?: number
  /** What becomes of the host's keys meanwhile; `rehash` by default. */
  readonly failover?: 'rehash' | 'miss' | 'gutter'
  /** What becomes of what it held; `trust` by default. */
  readonly onReturn?: 'trust' | 'flush'
  /** Whether a process deletes from the returning host what it wrote elsewhere; true by default. */
  readonly journal?: boolean
  /**
   * For how long after a process saw the host go or return its writes at home also delete the key
   * at its fallback host; 10,000 by default, as the behavior. With failover `rehash`.
   */
  readonly precautionsMs?: number
  /** How long items live; 300,000 by default. */
  readonly ttlMs?: number
  /** How long they live in a gutter at most; 10,000 by default. */
  readonly gutterTtlMs?: number
  /** The same seed gives the same counts; 1 by default. */
  readonly seed?: number
}

/** The same with everything filled in, and the outages laid out in time. */
export interface FleetPlan extends Required<Omit<FleetInput, 'outages' | 'outageMs' | 'pauseMs'>> {
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly endMs: number
}

const DEFAULTS: Required<FleetInput> = {
  processes: 1_000,
  hosts: 4,
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

/** Time for the caches to fill before anything breaks. */
const WARM_MS = 5_000
/** Events that are simulated in minutes, and absences that fit into memory. */
const MAX_EVENTS = 100_000_000
const MAX_ABSENCES = 2_000_000

/** @throws MintringError MINTRING_BAD_ARGUMENT for arguments that are invalid. */
export function fleetPlanOf(input: FleetInput): FleetPlan {
  checkArguments('fleet', input, RULES)
  const said = Object.entries(input).filter(([, value]) => value !== undefined)
  const all: Required<FleetInput> = { ...DEFAULTS, ...Object.fromEntries(said) }
  const { outages: count, outageMs, pauseMs, ...rest } = all
  if (count * all.processes > MAX_ABSENCES) {
    throw badSimulation('fleet', `processes times outages must be at most ${MAX_ABSENCES}`)
  }
  const endMs = WARM_MS + count * (outageMs + pauseMs)
  const events = ((all.readsPerSecond + all.writesPerSecond) * endMs) / 1000
  if (events > MAX_EVENTS) {
    throw badSimulation('fleet', `that is ${Math.round(events)} events, more than ${MAX_EVENTS}`)
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
