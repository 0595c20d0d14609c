import { isMintringError } from '../errors.ts'
import { Bypasses } from './bypass.ts'
import type { Clock } from './clock.ts'
import type { RefillEntry, SoonEntry } from './entry.ts'
import { freshEntry, guarded, staleEntry } from './entry.ts'
import type { RefillEvent, RefillEventName, RefillHooks } from './events.ts'
import { Failing } from './failing.ts'
import type { Flight, FlightDeck } from './flight.ts'
import { Flights } from './flights.ts'
import { Holds } from './holds.ts'
import type { Ask } from './loading.ts'
import type { Path } from './path.ts'
import { Paths } from './paths.ts'
import type { Policy } from './policy.ts'
import type { KeyRecord, ReadOwner } from './reads.ts'
import { Reads } from './reads.ts'
import type { RefillStore } from './store.ts'
import { Takeovers } from './takeover.ts'
import { Tally } from './tally.ts'
import type { Finding } from './verdict.ts'
import type { Waiter, WaitOwner } from './waits.ts'
import { Waits, waitTimedOut } from './waits.ts'

/** How often a caller that shared a lost flight reads again before it takes what that loaded. */
const MAX_REREADS = 3

/**
 * Acts on what a read found: who is served what, who loads, who waits. Holds what this process has
 * under way, per key; all of it is empty when idle.
 */
export class Refiller implements FlightDeck, WaitOwner, ReadOwner {
  readonly store: RefillStore
  readonly clock: Clock
  readonly tally: Tally = new Tally()
  readonly holds: Holds
  readonly #hooks: RefillHooks | undefined
  readonly reads: Reads = new Reads(this)
  readonly recordOf: (key: string) => KeyRecord | undefined
  readonly #paths: Paths
  readonly #flights: Flights = new Flights(this)
  readonly #waits: Waits = new Waits(this)
  readonly #bypasses: Bypasses
  readonly #takeovers: Takeovers
  readonly #failing: Failing

  constructor(
    store: RefillStore,
    clock: Clock,
    hooks: RefillHooks | undefined,
    recordOf: (key: string) => KeyRecord | undefined,
  ) {
    this.recordOf = recordOf
    this.store = store
    this.clock = clock
    this.holds = new Holds(clock)
    this.#hooks = hooks
    this.#paths = new Paths(store, clock)
    this.#bypasses = new Bypasses(clock)
    this.#takeovers = new Takeovers(clock)
    this.#failing = new Failing(clock)
  }

  /** What is under way or remembered: 0 after long enough without calls. */
  get size(): number {
    const running = this.#flights.size + this.#bypasses.size + this.#waits.size
    return running + this.holds.size + this.#takeovers.size + this.#failing.size
  }

  report(name: RefillEventName, event: RefillEvent): void {
    this.#hooks?.report(name, event)
  }

  pathOf(policy: Policy): Path {
    return this.#paths.of(policy.isSidecar)
  }

  // What reads ask.

  settle(ask: Ask, finding: Finding): SoonEntry {
    return this.#settle(ask, finding, 0)
  }

  failed(ask: Ask, error: unknown): Promise<RefillEntry> {
    return this.unreachable({ ask, fallback: undefined, wantsFresh: false }, error)
  }

  #settle(ask: Ask, finding: Finding, rereads: number): SoonEntry {
    if (finding.verdict === 'fresh') return this.#settleFresh(ask, finding)
    if (finding.verdict === 'stale') return this.#settleStale(ask, finding, rereads)
    return this.#settleAbsent(ask, finding, rereads, undefined)
  }

  /** Marks the key stale and answers a value that was loaded after that. */
  async restart(ask: Ask): Promise<RefillEntry> {
    const { key, policy } = ask
    this.detach(key)
    const waiter: Waiter = { ask, fallback: undefined, wantsFresh: true }
    const entry = this.pathOf(policy)
      .restart(key, policy)
      .then(
        (finding) => this.resume(waiter, finding) ?? this.#waits.join(waiter),
        (error: unknown) => this.unreachable(waiter, error),
      )
    this.tally.ended(entry, 1)
    return entry
  }

  /** What a caller gets when the cache cannot be reached. */
  unreachable({ ask, fallback }: Waiter, error: unknown): Promise<RefillEntry> {
    if (fallback !== undefined) return Promise.resolve(fallback)
    if (isMintringError(error) && error.code === 'MINTRING_CLOSED') return Promise.reject(error)
    this.report('bypass', { key: ask.key, error })
    return this.#bypasses.load(ask, 'bypass')
  }

  /** Forgets what runs for a key: nobody joins it any more. Its own callers keep it. */
  detach(key: string): void {
    this.reads.detach(key)
    if (this.size === 0) return
    this.#flights.detach(key)
    this.#waits.detach(key)
    this.#bypasses.detach(key)
    this.#failing.forget(key)
  }

  /** Waits for the flights for up to `drainMs`, then aborts their loaders. Lets all leases go. */
  async close(drainMs: number, reason: unknown): Promise<void> {
    const ended = this.#flights.ended()
    await this.#within(drainMs, ended)
    this.#flights.abandonAll(reason)
    this.#bypasses.abandonAll(reason)
    await ended
    await this.holds.releaseAll()
    this.#takeovers.clear()
    this.#failing.clear()
  }

  // What waits ask.

  async poll(ask: Ask): Promise<Finding> {
    this.tally.polls++
    const finding = await this.reads.find(ask)
    return finding.election === 'open' ? this.#contest(ask, finding) : finding
  }

  resume(waiter: Waiter, finding: Finding): SoonEntry | undefined {
    const { ask, fallback, wantsFresh } = waiter
    const { verdict, election } = finding
    if (verdict === 'fresh') return this.#settleFresh(ask, finding)
    if (election === 'won') return guarded(this.#fly(ask, finding).promise, fallback)
    if (election === 'none') return this.unreachable(waiter, undefined)
    const flight = this.#flights.under(ask.key, finding)
    if (flight !== undefined) return this.#share(ask, flight, 0, fallback)
    this.#observe(ask, finding)
    const isServable = verdict === 'stale' && !wantsFresh && this.#failing.isServable(ask, finding)
    return isServable ? staleEntry(finding.value, finding.staleForSeconds) : undefined
  }

  async timedOut({ ask, fallback }: Waiter): Promise<RefillEntry> {
    if (fallback !== undefined) {
      this.#failing.mark(ask)
      return fallback
    }
    const { onWaitTimeout } = ask.policy
    if (onWaitTimeout === 'throw') throw waitTimedOut(ask)
    if (onWaitTimeout === 'undefined') return { value: undefined, state: 'uncached' }
    return this.#bypasses.load(ask, 'uncached')
  }

  // The state table.

  #settleFresh(ask: Ask, finding: Finding): SoonEntry {
    this.#inBackground(ask, finding)
    return freshEntry(finding.value, finding.freshForSeconds)
  }

  #settleStale(ask: Ask, finding: Finding, rereads: number): SoonEntry {
    const stale = staleEntry(finding.value, finding.staleForSeconds)
    if (!this.#failing.isServable(ask, finding)) {
      if (!(stale instanceof Promise)) return this.#settleAbsent(ask, finding, rereads, stale)
      return stale.then((entry) => this.#settleAbsent(ask, finding, rereads, entry))
    }
    const flight = this.#inBackground(ask, finding)
    const { staleTimeoutMs } = ask.policy
    if (staleTimeoutMs === 0 || flight === undefined) return stale
    return this.#freshWithin(staleTimeoutMs, flight, stale)
  }

  /** Nothing may be served but, should all else fail, `fallback`. */
  #settleAbsent(
    ask: Ask,
    finding: Finding,
    rereads: number,
    fallback: RefillEntry | undefined,
  ): Promise<RefillEntry> {
    const waiter: Waiter = { ask, fallback, wantsFresh: false }
    const { election } = finding
    if (election === 'won') return guarded(this.#fly(ask, finding).promise, fallback)
    if (election === 'none') return this.unreachable(waiter, undefined)
    const flight = this.#flights.under(ask.key, finding)
    if (flight !== undefined) return this.#share(ask, flight, rereads, fallback)
    if (election === 'open') return this.#settleContested(waiter, finding)
    this.#observe(ask, finding)
    return this.#waits.join(waiter)
  }

  async #settleContested(waiter: Waiter, finding: Finding): Promise<RefillEntry> {
    let now: Finding
    try {
      now = await this.#contest(waiter.ask, finding)
    } catch (error) {
      return this.unreachable(waiter, error)
    }
    return this.resume(waiter, now) ?? this.#waits.join(waiter)
  }

  /** Starts or finds the flight that replaces a value which is served meanwhile. */
  #inBackground(ask: Ask, finding: Finding): Flight | undefined {
    const { election } = finding
    if (election === 'none') return undefined
    if (election === 'won') return this.#fly(ask, finding)
    const flight = this.#flights.under(ask.key, finding)
    if (flight !== undefined) return flight
    if (election === 'lost') this.#observe(ask, finding)
    else this.#contestInBackground(ask, finding)
    return undefined
  }

  #contestInBackground(ask: Ask, finding: Finding): void {
    this.#contest(ask, finding).then(
      (now) => {
        if (now.election === 'won') this.#fly(ask, now)
      },
      // The server went away: the next reader tries again.
      () => {},
    )
  }

  /** A miss with its election, should that take a command of its own. */
  async elected(ask: Ask, finding: Finding): Promise<Finding> {
    const isOpen = finding.election === 'open' && finding.verdict === 'absent'
    return isOpen ? this.#contest(ask, finding) : finding
  }

  #contest(ask: Ask, finding: Finding): Promise<Finding> {
    return this.pathOf(ask.policy).contest(ask.key, ask.policy, finding)
  }

  /** Takes over from a holder that stopped renewing. */
  #observe(ask: Ask, finding: Finding): void {
    void this.#takeovers.observe(ask, this.pathOf(ask.policy), finding).then((now) => {
      if (now === undefined) return
      this.tally.takenOver++
      this.report('leaseTakenOver', { key: ask.key, host: now.lease.place.name })
      this.#fly(ask, now)
    })
  }

  #fly(ask: Ask, finding: Finding): Flight {
    const path = this.pathOf(ask.policy)
    return this.#flights.start(ask, path, finding, () => this.#failing.mark(ask))
  }

  /**
   * Shares another caller's load. Should that have lost its lease, something happened to the key:
   * the caller reads again, rather than take for new what may be old.
   */
  #share(
    ask: Ask,
    flight: Flight,
    rereads: number,
    fallback: RefillEntry | undefined,
  ): Promise<RefillEntry> {
    const entry = flight.promise.then(async (loaded) => {
      if (!flight.isLost || rereads >= MAX_REREADS) return loaded
      let finding: Finding
      try {
        finding = await this.reads.find(ask)
      } catch (error) {
        return this.unreachable({ ask, fallback, wantsFresh: false }, error)
      }
      return this.#settle(ask, finding, rereads + 1)
    })
    return guarded(entry, fallback)
  }

  /** The flight's entry if it comes in time, else the stale one. */
  async #freshWithin(timeoutMs: number, flight: Flight, stale: SoonEntry): Promise<RefillEntry> {
    const fresh = guarded(flight.promise, await stale)
    return (await this.#within(timeoutMs, fresh)) ?? stale
  }

  /** What the promise resolves to, or undefined when that takes too long. */
  #within<Result>(timeoutMs: number, promise: Promise<Result>): Promise<Result | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(timeoutMs, () => resolve(undefined))
      promise.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}
