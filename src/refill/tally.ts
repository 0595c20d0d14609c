import type { EntryState, RefillEntry, SoonEntry } from './entry.ts'
import { isPromise } from './entry.ts'
import type { StaleBecause } from './finding.ts'

/** What a refill reports. No values, and keys only for those who trace them. */
export interface RefillEvent {
  readonly key: string
  /** The server, as `hosts()` names it. */
  readonly host?: string | undefined
  /** How long the loader took. */
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

/** Who hears of it. Must not throw. */
export interface RefillHooks {
  report(name: RefillEventName, event: RefillEvent): void
}

/**
 * What refills did since the client was made, those of its views included. Only ever grows. Calls
 * are counted as their callers saw them end, as `mintring:command` and `mintring:batch` tell them.
 */
export interface RefillCounters {
  /** Calls, by how they got their value. */
  readonly states: Readonly<Record<EntryState, number>>
  /** Calls that ended with an error: of the loader, of the cache, of the arguments, or aborted. */
  readonly failed: number
  /** Loads, by their outcome. */
  readonly refills: {
    /** Loaded and stored. */
    readonly ok: number
    /** The loader failed, its timeouts included. */
    readonly failed: number
    /** Of the failed ones, those over `loaderTimeoutMs`. */
    readonly timedOut: number
    /** Loaded, but something newer had happened: not stored. */
    readonly lost: number
    /** Loaded, but not to be stored: undefined, skipped, too large. */
    readonly uncached: number
  }
  /** Leases of dead holders that this process took. */
  readonly takenOver: number
  /** Values that could not be read, and were loaded anew. */
  readonly unreadable: number
  /** Signs of life given for leases whose loader was still at work. */
  readonly renewals: number
  /** Reads made while waiting for another client. */
  readonly polls: number
  /** Calls that shared the read of another call. */
  readonly coalesced: number
  /** How long stale values had been stale: how many up to each bound, in seconds. */
  readonly staleFor: readonly {
    /** The bound; the last one is Infinity. */
    readonly upToSeconds: number
    /** Values served that were over the bound before, and not over this one. */
    readonly count: number
  }[]
}

const BOUNDS_SECONDS = [0, 1, 2, 5, 10, 30, 60, 300, 900, 3600, Number.POSITIVE_INFINITY]

/** The counters, while they count. Plain numbers: reads add to them. */
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

  /** Counts how a call ends, once it does. */
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

  /** The same for each of many keys: when one is without a value, so is the whole call. */
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
