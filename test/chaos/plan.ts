import type { RefillPolicy } from '../../src/refill/policy.ts'
import type { Mutation } from '../refill/mutants.ts'

/** One run of real processes against real memcacheds. */
export interface ChaosPlan {
  readonly ports: readonly number[]
  readonly processes: number
  /** Readers per process. */
  readonly readers: number
  /** The mean pause of a reader between two reads. */
  readonly pauseMs: number
  readonly keys: number
  readonly protocol: 'meta' | 'classic'
  readonly policy: RefillPolicy
  /** A planted mistake, which the check has to find. */
  readonly mutation: Mutation | undefined
  readonly seconds: number
  /** Ends the run early after this many reads. */
  readonly reads: number
  /** Shares of loads: whose process is killed, that throw, that take `slowMs`. */
  readonly crashShare: number
  readonly failShare: number
  readonly slowShare: number
  readonly slowMs: number
  /** How often a key is written, and which verb tells the cache. */
  readonly writeEveryMs: number
  readonly writeKinds: readonly WriteKind[]
  /** Faults of servers and processes, each repeated. */
  readonly troubles: readonly Trouble[]
}

/** A fault that is repeated. */
export interface Trouble {
  /**
   * `restart`: a server is killed and comes back empty. `stop`: a server is stopped by SIGSTOP.
   * `leave`: a server leaves the list, and returns with its data. `pause`: a process is stopped by
   * SIGSTOP. `close`: a process closes its client while it reads, and a new one replaces it.
   */
  readonly kind: 'restart' | 'stop' | 'leave' | 'pause' | 'close'
  readonly everyMs: number
  readonly forMs: number
}

/** A time of trouble: when a fault began and ended, and which server or process had it. */
export interface TroubleTime {
  readonly kind: Trouble['kind']
  readonly host: string | undefined
  readonly pid: number | undefined
  readonly startMs: number
  endMs: number
}

export type WriteKind = 'invalidate' | 'refresh' | 'set' | 'delete'

/** Messages of a worker to the parent, which plays the origin and the referee. */
export type WorkerMessage =
  | {
      readonly ask: 'load'
      readonly id: number
      readonly key: string
      readonly host: string
      readonly home: string
      readonly isBypass: boolean
      readonly atMs: number
    }
  | { readonly ask: 'write'; readonly id: number; readonly key: string }
  | {
      readonly tell: 'written'
      readonly key: string
      readonly isDone: boolean
      readonly atMs: number
      /** The hosts that took the change; '-' when they are not known. */
      readonly hosts: string
    }
  | { readonly tell: 'loaded'; readonly load: number; readonly atMs: number }
  | {
      readonly tell: 'leased'
      readonly load: number
      readonly host: string
      readonly how: string
    }
  | { readonly tell: 'stood'; readonly startMs: number; readonly endMs: number }
  | { readonly tell: 'progress'; readonly reads: number }
  | { readonly tell: 'over'; readonly reads: number; readonly pending: number }

export type ParentMessage =
  | { readonly answer: number; readonly value: LoadTicket | WriteTicket | undefined }
  | { readonly servers: readonly string[] }
  /** `now`: the client is closed while reads are under way. */
  | { readonly stop: 'now' | 'in turn' }

/** What the parent tells a worker to do in one load. */
export interface LoadTicket {
  readonly load: number
  readonly version: number
  readonly fate: 'ok' | 'fail' | 'crash'
  readonly tookMs: number
}

/** A write that the origin has done: the worker must now tell the cache. */
export interface WriteTicket {
  readonly version: number
  readonly kind: WriteKind
}

/** The cached value. */
export interface Cached {
  readonly version: number
}

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The client and settings that refills use while the check watches. */
export const CHAOS_POLICY: RefillPolicy = {
  ttl: 2,
  staleWhileRevalidate: 6,
  lease: 2,
  errorBackoff: 1,
  loaderTimeoutMs: 20_000,
  waitTimeoutMs: 60_000,
}

/** The default settings of a run of processes with faults. Each test overrides what it needs. */
export const STORM = {
  processes: 6,
  readers: 60,
  pauseMs: 20,
  keys: 5,
  protocol: 'meta',
  policy: CHAOS_POLICY,
  mutation: undefined,
  seconds: 120,
  reads: Number.POSITIVE_INFINITY,
  crashShare: 0.02,
  failShare: 0.05,
  slowShare: 0.03,
  slowMs: 5_000,
  writeEveryMs: 150,
  writeKinds: ['invalidate', 'invalidate', 'refresh', 'set', 'delete'],
  troubles: [],
} as const satisfies Omit<ChaosPlan, 'ports'>
