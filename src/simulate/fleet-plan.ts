import { MintringError } from '../errors.ts'

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
  ttlMs: 300_000,
  gutterTtlMs: 10_000,
  seed: 1,
}

/** Time for the caches to fill before anything breaks. */
const WARM_MS = 5_000
const MAX_HOSTS = 1_000

/** @throws MintringError MINTRING_BAD_ARGUMENT for numbers that cannot be. */
export function planOf(input: FleetInput): FleetPlan {
  const all = { ...DEFAULTS, ...input }
  for (const [name, value] of Object.entries(all)) {
    if (typeof value !== 'number') continue
    if (!Number.isFinite(value) || value < 0) throw bad(name, value)
  }
  for (const name of ['processes', 'hosts', 'keys', 'outages'] as const) {
    if (!Number.isInteger(all[name]) || all[name] < 1) throw bad(name, all[name])
  }
  if (all.hosts < 2 || all.hosts > MAX_HOSTS) throw bad('hosts', all.hosts)
  if (all.cutShare > 1) throw bad('cutShare', all.cutShare)
  const { outages: count, outageMs, pauseMs, ...rest } = all
  const outages = Array.from({ length: count }, (_, i) => {
    const fromMs = WARM_MS + i * (outageMs + pauseMs)
    return { fromMs, toMs: fromMs + outageMs }
  })
  return { ...rest, outages, endMs: outages.at(-1)!.toMs + pauseMs }
}

function bad(name: string, value: unknown): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `fleet: ${name} cannot be ${String(value)}`)
}
