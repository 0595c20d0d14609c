import type { RefillPolicy } from '../../src/refill/policy.ts'
import type { Mutation } from '../refill/mutants.ts'

/** One run of real processes against real memcacheds. */
export interface ChaosPlan {
  readonly ports: readonly number[]
  readonly processes: number
  /** Readers per process. */
  readonly readers: number
  /** How long a reader waits between two reads, on average. */
  readonly pauseMs: number
  readonly keys: number
  readonly protocol: 'meta' | 'classic'
  readonly policy: RefillPolicy
  /** A mistake made on purpose, which the check has to find. */
  readonly mutation: Mutation | undefined
  readonly seconds: number
  /** Ends the run earlier, once so many reads were made. */
  readonly reads: number
  /** Shares of the loads whose process is killed, that throw, that take `slowMs`. */
  readonly crashShare: number
  readonly failShare: number
  readonly slowShare: number
  readonly slowMs: number
  /** How often somebody writes, and what the cache is told then. */
  readonly writeEveryMs: number
  readonly writeKinds: readonly WriteKind[]
  /** What happens to servers and processes, each again and again. */
  readonly troubles: readonly Trouble[]
}

/** Something that goes wrong once in a while. */
export interface Trouble {
  /**
   * `restart`: a server is killed, and comes back empty. `stop`: a server stands still. `leave`: it
   * leaves the list, and returns with what it has. `pause`: a process stands still. `close`: a
   * process closes its client while it reads, and another takes its place.
   */
  readonly kind: 'restart' | 'stop' | 'leave' | 'pause' | 'close'
  readonly everyMs: number
  readonly forMs: number
}

/** When something went wrong, with which server or process. */
export interface TroubleTime {
  readonly kind: Trouble['kind']
  readonly host: string | undefined
  readonly pid: number | undefined
  readonly startMs: number
  endMs: number
}

export type WriteKind = 'invalidate' | 'refresh' | 'set' | 'delete'

/** What a worker asks of the parent, which is origin and referee. */
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
      /** Those that took the change; '-' when that is not known. */
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

/** What a load is to do. */
export interface LoadTicket {
  readonly load: number
  readonly version: number
  readonly fate: 'ok' | 'fail' | 'crash'
  readonly tookMs: number
}

/** A write that was done to the origin: the cache is to be told now. */
export interface WriteTicket {
  readonly version: number
  readonly kind: WriteKind
}

/** What is cached. */
export interface Cached {
  readonly version: number
}

/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** What refills have under their feet while the check watches. */
export const CHAOS_POLICY: RefillPolicy = {
  ttl: 2,
  staleWhileRevalidate: 6,
  lease: 2,
  errorBackoff: 1,
  loaderTimeoutMs: 20_000,
  waitTimeoutMs: 60_000,
}

/** The storm itself; what a test leaves out or adds, it says. */
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
