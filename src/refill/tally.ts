import type { EntryState, RefillEntry, SoonEntry, StaleBecause } from './finding.ts'
import { isPromise } from './finding.ts'

/** An event of a refill. It contains no values, and keys only with `traceKeys`. */
export interface RefillEvent {
  readonly key: string
  /** The server's name, as in `hosts()`. */
  readonly host?: string | undefined
  /** How long the loader took, in ms. */
  readonly tookMs?: number | undefined
  readonly staleForSeconds?: number | undefined
  readonly staleBecause?: StaleBecause | undefined
  readonly reason?: string | undefined
  readonly error?: unknown
}

export type RefillEventName =
  | 'refill'
  | 'refillError'
  | 'leaseLost'
  | 'leaseTakenOver'
  | 'stale'
  | 'unreadable'
  | 'bypass'
  | 'valueTooLarge'

/** Receives the events. Must not throw. */
export interface RefillHooks {
  report(name: RefillEventName, event: RefillEvent): void
}

/**
 * What refills have done since the client was created, including its views. Counts only grow. Calls
 * are counted with the outcome their callers got, as in `mintring:command` and `mintring:batch`.
 */
export interface RefillCounters {
  /** Calls, by how they got their value. */
  readonly states: Readonly<Record<EntryState, number>>
  /** Calls that failed: in the loader, the cache or the arguments, or by an abort. */
  readonly failed: number
  /** Loads, by outcome. */
  readonly refills: {
    /** Loaded and stored. */
    readonly ok: number
    /** The loader failed or timed out. */
    readonly failed: number
    /** The failed loads that exceeded `loaderTimeoutMs`. */
    readonly timedOut: number
    /** Loaded but not stored, because the key was changed in the meantime. */
    readonly lost: number
    /** Loaded but not to be stored: undefined, skipped or too large. */
    readonly uncached: number
  }
  /** Leases of dead holders that this process took over. */
  readonly takenOver: number
  /** Values that could not be decoded, and were loaded again. */
  readonly unreadable: number
  /** Renewals of leases whose loader was still running. */
  readonly renewals: number
  /** Reads while waiting for another client. */
  readonly polls: number
  /** Calls that shared the read of another call. */
  readonly coalesced: number
  /** How long served stale values had been stale: counts per bucket, in seconds. */
  readonly staleFor: readonly {
    /** The bucket's upper bound; the last one is Infinity. */
    readonly upToSeconds: number
    /** Values served that were above the previous bound, and at most this one. */
    readonly count: number
  }[]
}

const BOUNDS_SECONDS = [0, 1, 2, 5, 10, 30, 60, 300, 900, 3600, Number.POSITIVE_INFINITY]

/** The running counters; plain numbers, because reads increment them. */
export class Tally {
  fresh = 0
  stale = 0
  miss = 0
  uncached = 0
  bypass = 0
  failed = 0
  refilled = 0
  loaderFailed = 0
  loaderTimedOut = 0
  leaseLost = 0
  notStored = 0
  takenOver = 0
  unreadable = 0
  renewals = 0
  polls = 0
  coalesced = 0
  readonly #staleFor: number[] = BOUNDS_SECONDS.map(() => 0)

  /** Counts the outcome of a call when it settles. */
  ended(entry: SoonEntry): void {
    if (!isPromise(entry)) this.#count(entry)
    else {
      entry.then(
        (settled) => this.#count(settled),
        () => {
          this.failed++
        },
      )
    }
  }

  /** Counts the outcome of a call for many keys: if one key fails, the whole call does. */
  endedMany(keys: unknown, entries: Promise<ReadonlyMap<string, RefillEntry>>): void {
    entries.then(
      (settled) => {
        for (const entry of settled.values()) this.#count(entry)
      },
      () => {
        this.failed += Array.isArray(keys) ? new Set(keys).size : 0
      },
    )
  }

  #count(entry: RefillEntry): void {
    this[entry.state]++
    if (entry.state !== 'stale') return
    const bucket = BOUNDS_SECONDS.findIndex((bound) => (entry.staleFor ?? 0) <= bound)
    this.#staleFor[bucket] = (this.#staleFor[bucket] ?? 0) + 1
  }

  snapshot(): RefillCounters {
    const { fresh, stale, miss, uncached, bypass } = this
    return {
      states: { fresh, stale, miss, uncached, bypass },
      failed: this.failed,
      refills: {
        ok: this.refilled,
        failed: this.loaderFailed,
        timedOut: this.loaderTimedOut,
        lost: this.leaseLost,
        uncached: this.notStored,
      },
      takenOver: this.takenOver,
      unreadable: this.unreadable,
      renewals: this.renewals,
      polls: this.polls,
      coalesced: this.coalesced,
      staleFor: BOUNDS_SECONDS.map((upToSeconds, i) => ({
        upToSeconds,
        count: this.#staleFor[i]!,
      })),
    }
  }
}
