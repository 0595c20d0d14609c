import { isMintringError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { RefillEntry } from './entry.ts'
import type { RefillEvent, RefillEventName } from './events.ts'
import type { Holds } from './holds.ts'
import { LeaseKeeper } from './keeper.ts'
import type { Ask, Loaded } from './loading.ts'
import { load } from './loading.ts'
import type { Path } from './path.ts'
import type { Encoded, RefillStore } from './store.ts'
import type { Tally } from './tally.ts'
import type { Finding, Lease } from './verdict.ts'

/** What every flight of a client works with. */
export interface FlightDeck {
  readonly store: RefillStore
  readonly clock: Clock
  readonly tally: Tally
  readonly holds: Holds
  report(name: RefillEventName, event: RefillEvent): void
}

/**
 * One refill under a lease: load, then store if nothing newer happened. Callers of one process
 * share it. Its promise rejects when the loader fails; who has a stale value serves that instead.
 */
export class Flight {
  readonly key: string
  readonly promise: Promise<RefillEntry>
  /** The value was loaded, but something newer had happened. */
  isLost = false
  readonly #ask: Ask
  readonly #path: Path
  readonly #deck: FlightDeck
  readonly #keeper: LeaseKeeper
  readonly #hasStale: boolean
  readonly #abort = new AbortController()
  readonly #onUnjoinable: () => void
  readonly #startedMs: number
  #isAbandoned = false

  /** `onUnjoinable` is called once, before the store's bytes leave or when there is no store. */
  constructor(ask: Ask, path: Path, finding: Finding, deck: FlightDeck, onUnjoinable: () => void) {
    this.key = ask.key
    this.#ask = ask
    this.#path = path
    this.#deck = deck
    this.#hasStale = finding.verdict !== 'absent'
    this.#onUnjoinable = onUnjoinable
    this.#startedMs = deck.clock.nowMs()
    const { lease } = finding
    this.#keeper = new LeaseKeeper(ask.key, ask.policy, path, deck.clock, lease, () => {
      deck.tally.renewals++
    })
    this.promise = this.#run(finding.value)
    // Nobody may be waiting: a background refill that fails is reported, not thrown.
    const done = this.promise.then(
      () => {},
      () => {},
    )
    ask.waitUntil?.(done)
  }

  /**
   * Whether a reading met this very lease: then nothing happened to the key since the load began,
   * as far as that read could see, and its caller may share the load.
   */
  holds(lease: Lease): boolean {
    const own = this.#keeper.lease
    return own !== undefined && own.cas === lease.cas && own.place === lease.place
  }

  /** Gives up: the loader's signal fires, and the lease is let go. */
  abandon(reason: unknown): void {
    this.#isAbandoned = true
    this.#abort.abort(reason)
  }

  async #run(stale: unknown): Promise<RefillEntry> {
    try {
      const known = await Promise.resolve(stale).catch(() => undefined)
      const loaded = await load(this.#ask, known, this.#deck.clock, this.#abort)
      return await this.#finish(loaded)
    } catch (error) {
      this.#onUnjoinable()
      this.#failed(error)
      throw error
    }
  }

  async #finish(loaded: Loaded): Promise<RefillEntry> {
    const { store, tally } = this.#deck
    const { value } = loaded
    const ttlSeconds = this.#ttlOf(loaded)
    if (ttlSeconds === 0) {
      tally.notStored++
      return this.#uncached(value)
    }
    const encoded = await store.encode(value)
    const bodyBytes = encoded.body.length
    if (!store.fits(this.key, bodyBytes)) {
      tally.notStored++
      this.#report('valueTooLarge', { reason: `a body of ${bodyBytes} bytes` })
      this.#giveUp(this.#hasStale)
      return { value, state: 'uncached' }
    }
    return this.#store(value, encoded, ttlSeconds)
  }

  async #store(value: unknown, encoded: Encoded, ttlSeconds: number): Promise<RefillEntry> {
    const { store, tally } = this.#deck
    const lease = await this.#keeper.stop()
    this.#onUnjoinable()
    if (lease === undefined) return this.#lost(value, 'the lease was not renewed in time')
    if (store.place(this.key) !== lease.place) return this.#lost(value, 'the host went away')
    const { policy } = this.#ask
    const stored = await this.#path
      .store(this.key, policy, lease, { encoded, ttlSeconds })
      .catch((error: unknown) => String(error))
    if (stored !== true) return this.#lost(value, stored || 'something newer had happened')
    tally.refilled++
    this.#report('refill', {})
    return { value, state: 'miss', ttl: ttlSeconds }
  }

  /** How long the value is to be fresh; 0 = not to be stored. */
  #ttlOf(loaded: Loaded): number {
    const { policy } = this.#ask
    const { value, isSkipped, ttlSeconds } = loaded
    if (value === undefined || isSkipped) return 0
    if (ttlSeconds !== undefined) return ttlSeconds
    if (value === null) return policy.negativeTtlSeconds
    const share = 1 - policy.jitter * this.#deck.clock.random()
    return Math.max(1, Math.ceil(policy.ttlSeconds * share))
  }

  #uncached(value: unknown): RefillEntry {
    this.#giveUp(false)
    return { value, state: 'uncached' }
  }

  #lost(value: unknown, reason: string): RefillEntry {
    this.isLost = true
    this.#deck.tally.leaseLost++
    this.#report('leaseLost', { reason })
    return { value, state: 'uncached' }
  }

  #failed(error: unknown): void {
    const { tally } = this.#deck
    const isTimeout = isMintringError(error) && error.code === 'MINTRING_LOADER_TIMEOUT'
    tally.loaderFailed++
    if (isTimeout) tally.loaderTimedOut++
    this.#report('refillError', { error })
    this.#giveUp(this.#hasStale)
  }

  /** Lets the lease go: now, or after the back-off while a stale value serves. */
  #giveUp(isHeld: boolean): void {
    this.#onUnjoinable()
    const isPaused = isHeld && !this.#isAbandoned
    const delaySeconds = isPaused ? this.#ask.policy.errorBackoffSeconds : 0
    this.#deck.holds.hold(this.key, this.#path, this.#keeper, delaySeconds)
  }

  #report(name: RefillEventName, event: Partial<RefillEvent>): void {
    const tookMs = this.#deck.clock.nowMs() - this.#startedMs
    const host = this.#keeper.lease?.place.name
    this.#deck.report(name, { key: this.key, host, tookMs, ...event })
  }
}
