import type { Timer } from '../clock.ts'
import { isMintringError } from '../errors.ts'
import { LoadTags } from '../tags/load.ts'
import { type Tail, tailSize } from '../tags/tail.ts'
import type { RefillContext } from './context.ts'
import type { Finding, Lease, RefillEntry, Trouble } from './finding.ts'
import { isPromise, isSameLease, UNREADABLE } from './finding.ts'
import type { Ask, Loaded } from './loader.ts'
import { earlySecondsOf, LoadFailure, load, type Terms } from './loader.ts'
import type { FoundEntry, Path } from './paths/path.ts'
import type { Policy } from './policy.ts'
import { coded, Portions } from './share.ts'
import type { EncodedItem } from './store.ts'
import type { RefillEvent, RefillEventName } from './tally.ts'

/**
 * One refill under a lease: loads, then stores if the key has not changed since. Callers of one
 * process share it. Its promise rejects when the loader fails; callers with a stale value then
 * serve that.
 */
export class Flight {
  /** The result for the caller that started the load. */
  readonly promise: Promise<RefillEntry>
  /** Resolves when the loader was called, or when it is certain that it will not be called. */
  readonly begun: Promise<void>
  /** What the load does now, for the error of a caller that gives up. */
  phase: 'decoding' | 'loading' | 'encoding' = 'decoding'
  /** Whether the value was loaded but not stored, because the key was changed meanwhile. */
  isLost = false
  readonly lease: Lease
  readonly tags: LoadTags
  readonly #ask: Ask
  readonly #terms: Terms
  readonly #path: Path
  readonly #context: RefillContext
  readonly #finding: Finding
  readonly #portions: Portions
  readonly #onUnjoinable: (flight: Flight) => void
  readonly #abort = new AbortController()
  readonly #startedMs: number
  #beatTimer: Timer | undefined
  #isAbandoned = false
  /** Why the loaded value cannot be encoded. */
  #unencodable: unknown
  /** The result, also of a value that cannot be encoded. */
  readonly #ran: Promise<RefillEntry>
  #onBegun: () => void = () => {}

  /**
   * `onUnjoinable` is called when no more callers may join: before the store is sent, or when there
   * is no store.
   */
  constructor(
    ask: Ask,
    finding: Finding,
    context: RefillContext,
    onUnjoinable: (flight: Flight) => void,
  ) {
    this.#onUnjoinable = onUnjoinable
    this.#ask = ask
    this.#terms = ask.slot
    this.#path = context.pathOf(ask.slot.policy, finding.lease.place)
    this.#context = context
    this.#finding = finding
    this.lease = finding.lease
    this.tags = new LoadTags(context.tags, ask.slot.policy, ask.tagsOf, finding)
    const { signal } = this.#abort
    this.#portions = new Portions(context.store, context.clock, ask.slot.policy.isShared, signal)
    this.#startedMs = context.clock.nowMs()
    this.#beatLater()
    this.begun = new Promise((resolve) => {
      this.#onBegun = resolve
    })
    // If the client closed before the reply that gave this lease arrived, give the lease up at
    // once.
    if (context.closedWith !== undefined) this.abandon(context.closedWith)
    this.#ran = this.#run()
    this.promise = this.#ran.then((entry) => this.#entryFor(ask, entry))
    // Marks the rejection as handled: a background refill that fails is reported, not thrown.
    const done = this.promise.then(
      () => {},
      () => {},
    )
    ask.waitUntil?.(done)
  }

  /**
   * Whether a read found this same lease. Then, as far as that read could see, the key has not
   * changed since the load began, and its caller may share the load.
   */
  holds(lease: Lease): boolean {
    return isSameLease(this.lease, lease)
  }

  /** Returns the result of the load for one more caller, with its own copy of the value. */
  async join(ask: Ask): Promise<RefillEntry> {
    this.#portions.expect()
    const entry = this.#entryFor(ask, await this.#ran)
    return { ...entry, value: await this.#portions.portion(entry.value) }
  }

  /** Gives up: aborts the loader's signal and releases the lease. */
  abandon(reason: unknown): void {
    this.#isAbandoned = true
    this.#abort.abort(reason)
  }

  async #run(): Promise<RefillEntry> {
    const { clock } = this.#context
    try {
      const again = this.#finding.again()
      const stale = isPromise(again)
        ? await coded(clock, again, this.#abort.signal).catch(() => undefined)
        : again
      if (this.tags.isToBegin) await this.tags.begin()
      const readable = stale === UNREADABLE ? undefined : stale
      this.phase = 'loading'
      const loading = load(this.#ask, readable, this.#context, this.#abort, this.tags)
      this.#onBegun()
      const loaded = await loading
      this.#terms.pace.took(clock.nowMs() - this.#startedMs)
      return await this.#finish(loaded)
    } catch (error) {
      this.#onBegun()
      this.#end()
      throw this.#failed(error)
    }
  }

  async #finish(loaded: Loaded): Promise<RefillEntry> {
    const { gate, tally } = this.#context
    const { value } = loaded
    const ttlSeconds = this.#ttlOf(loaded)
    if (ttlSeconds === 0) {
      tally.notStored++
      this.#end()
      this.#letGo('release')
      return this.#entry({ value, state: 'uncached' })
    }
    const tail = this.tags.finish(value)
    this.phase = 'encoding'
    const encoded = await this.#encode(value)
    const misfit = encoded === undefined ? undefined : this.#misfit(encoded, tail)
    if (encoded === undefined || misfit !== undefined) {
      tally.notStored++
      this.#end()
      this.#letGo(this.#finding.verdict === 'absent' ? 'release' : 'pause')
      if (misfit !== undefined) this.#report('valueTooLarge', { reason: misfit })
      else this.#report('refillError', this.#whyNotEncoded)
      return this.#entry({ value, state: 'uncached' }, encoded)
    }
    const isTooShort = isShortLived(this.#terms, ttlSeconds)
    return gate.run(() => this.#store(value, { encoded, ttlSeconds, isTooShort, tail }))
  }

  /** Returns undefined if the serializer fails or hangs. */
  async #encode(value: unknown): Promise<EncodedItem | undefined> {
    const { store, clock } = this.#context
    try {
      return await coded(clock, store.encode(value), this.#abort.signal)
    } catch (error) {
      this.#unencodable = error
      return undefined
    }
  }

  /**
   * A call for many keys gets a value that cannot be encoded, because an error would fail all its
   * keys. A call for one key gets the error.
   */
  #entryFor({ isOfMany }: Ask, entry: RefillEntry): RefillEntry {
    if (this.#unencodable === undefined || isOfMany === true) return entry
    throw this.#unencodable
  }

  async #store(value: unknown, entry: FoundEntry): Promise<RefillEntry> {
    const { store, tally } = this.#context
    const { key, policy } = this.#terms
    const { encoded, ttlSeconds } = entry
    this.#end()
    const isHere = store.place(key) === this.lease.place
    const stored = isHere
      ? await this.#path
          .store(key, policy, this.lease, entry)
          .catch((error: unknown) => String(error))
      : 'the host is no longer available'
    if (stored === true) {
      tally.refilled++
      this.#report('refill', {})
      return this.#entry({ value, state: 'miss', ttl: ttlSeconds }, encoded)
    }
    this.isLost = true
    tally.leaseLost++
    this.#report('leaseLost', { reason: stored || 'the key was changed in the meantime' })
    return this.#entry({ value, state: 'uncached' }, encoded)
  }

  async #entry(entry: RefillEntry, encoded?: EncodedItem): Promise<RefillEntry> {
    await this.#portions.prepare(entry.value, encoded)
    return entry
  }

  get #whyNotEncoded(): Partial<RefillEvent> {
    const error = this.#unencodable
    return error === undefined ? { reason: 'the serializer timed out' } : { error }
  }

  #misfit({ body }: EncodedItem, tail: Tail | undefined): string | undefined {
    const bytes = body.length + (tail === undefined ? 0 : tailSize(tail))
    return this.#context.store.fits(this.#terms.key, bytes) ? undefined : `a body of ${bytes} bytes`
  }

  /** Returns how long the value is fresh; 0 if it is not to be stored. */
  #ttlOf({ value, isSkipped, ttlSeconds }: Loaded): number {
    const { policy } = this.#terms
    if (value === undefined || isSkipped) return 0
    if (ttlSeconds !== undefined) return ttlSeconds
    if (value === null) return policy.negativeTtlSeconds
    const share = 1 - policy.jitter * this.#context.clock.random()
    return Math.max(1, Math.ceil(policy.ttlSeconds * share))
  }

  /** Counts and reports the failure. Returns the error for callers. */
  #failed(failure: unknown): unknown {
    const { tally } = this.#context
    const isSkipped = failure instanceof LoadFailure && failure.isSkipped
    const error = failure instanceof LoadFailure ? failure.error : failure
    const isTimeout = isMintringError(error) && error.code === 'MINTRING_LOADER_TIMEOUT'
    tally.loaderFailed++
    if (isTimeout) tally.loaderTimedOut++
    this.#terms.lastError = error
    this.#report('refillError', { error })
    const isFailure = !this.#isAbandoned && !isSkipped
    if (isFailure) this.#terms.failed = this.lease
    this.#letGo(isFailure ? 'pause' : 'release')
    return error
  }

  /** Releases the lease. If that fails, the lease expires or is taken over. */
  #letGo(how: 'release' | 'pause'): void {
    const { key, policy } = this.#terms
    const { aside, closedWith } = this.#context
    const tell = (): Promise<void> => this.#path[how](key, policy, this.lease)
    // close() waits for a moment only, so it must not find releases that are not yet sent.
    const told = closedWith === undefined ? aside.run(tell) : tell()
    this.#context.inBackground(told.catch(() => {}))
  }

  /** Accepts no more callers, and stops renewing the lease. */
  #end(): void {
    this.#beatTimer?.cancel()
    this.#onUnjoinable(this)
  }

  /**
   * Schedules the next renewal, half a second before half of the lease has passed. memcached's
   * clock ticks once a second, so the remaining time may be up to one second less than it says.
   */
  #beatLater(): void {
    const delayMs = ((this.#terms.policy.leaseSeconds - 1) * 1000) / 2
    this.#beatTimer = this.#context.clock.after(delayMs, () => this.#beat(), true)
  }

  #beat(): void {
    const { key, policy } = this.#terms
    const { tally, aside } = this.#context
    const trouble = this.#troubleOf(policy)
    const told = aside.run(() => this.#path.beat(key, policy, this.lease, trouble))
    // Ignore a renewal that fails: the next one follows soon.
    told.then(
      () => tally.renewals++,
      () => {},
    )
    this.#beatLater()
  }

  #troubleOf(policy: Policy): Trouble {
    if (this.#finding.trouble === 'failing') return 'failing'
    const tookMs = this.#context.clock.nowMs() - this.#startedMs
    return tookMs > policy.waitTimeoutMs ? 'slow' : 'none'
  }

  #report(name: RefillEventName, event: Partial<RefillEvent>): void {
    const tookMs = this.#context.clock.nowMs() - this.#startedMs
    const host = this.lease.place.name
    this.#context.report(name, { key: this.#terms.key, host, tookMs, ...event })
  }
}

/**
 * Whether an early refresh would follow the store too soon. With less than half of the policy's
 * time before an early refresh, every read could cause a load.
 */
function isShortLived(terms: Terms, ttlSeconds: number): boolean {
  const earlySeconds = earlySecondsOf(terms)
  if (earlySeconds === 0) return false
  return (ttlSeconds - earlySeconds) * 2 < terms.policy.ttlSeconds - earlySeconds
}
