import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from './clock.ts'
import { electOnce, isSettled } from './election.ts'
import type { RefillEntry, SoonEntry } from './entry.ts'
import { freshEntry, guarded, isPromise, staleEntry } from './entry.ts'
import { type Finding, isSameLease } from './finding.ts'
import { Bypass, Flight, type FlightDeck } from './flight.ts'
import { Gate } from './gate.ts'
import { invalidateHomes } from './inherit.ts'
import { type Ask, failedBefore, type Loader, type Terms } from './loading.ts'
import { Loads } from './loads.ts'
import { type PathOf, pathsOf } from './paths/choice.ts'
import type { Elected } from './paths/path.ts'
import type { Policy } from './policy.ts'
import { Read, type ReadOwner } from './read.ts'
import { decoded, withinWait } from './share.ts'
import { detach, type Slot } from './slots.ts'
import type { RefillStore } from './store.ts'
import { TagDesk } from './tags/desk.ts'
import { TagJudge } from './tags/judge.ts'
import type { Look } from './tags/look.ts'
import type { TagsOf } from './tags/names.ts'
import { type RefillEvent, type RefillEventName, type RefillHooks, Tally } from './tally.ts'
import type { Fallback, Waiter, WaitOwner } from './wait.ts'
import { isOwnFault, Wait, waitTimedOut } from './wait.ts'

/**
 * Callers that share a load read the key again if the loaded value was not stored. This is how many
 * times they do so, before they return the loaded value.
 */
const MAX_REREADS = 3
/** How many reads, stores or invalidations of batches run at once. */
const MAX_AT_ONCE = 512

/** Runs a listener outside the async context of any request, because it serves many requests. */
const outside = AsyncLocalStorage.snapshot()

/** The hooks and the counters of refills. */
interface RefillerSettings {
  readonly hooks?: RefillHooks | undefined
  readonly tally?: Tally | undefined
}

/**
 * Acts on the result of a read: decides what each caller gets, who loads, and who waits. The key's
 * slot holds its pending work.
 */
export class Refiller implements FlightDeck, WaitOwner<Slot>, ReadOwner<Slot> {
  readonly store: RefillStore
  readonly clock: Clock
  readonly tally: Tally
  readonly gate: Gate = new Gate(MAX_AT_ONCE)
  readonly tags: TagDesk
  readonly #judge: TagJudge
  readonly #hooks: RefillHooks | undefined
  readonly pathOf: PathOf
  readonly loads: Loads

  constructor(store: RefillStore, clock: Clock, settings: RefillerSettings) {
    this.store = store
    this.clock = clock
    this.tally = settings.tally ?? new Tally()
    this.#hooks = settings.hooks
    this.loads = new Loads(clock)
    this.tags = new TagDesk(store, clock)
    this.#judge = new TagJudge(this.tags, clock)
    this.pathOf = pathsOf(store, clock)
  }

  /** How many loads are running and how many tags are remembered. */
  get size(): number {
    return this.loads.size + this.tags.size
  }

  report(name: RefillEventName, event: RefillEvent): void {
    const hooks = this.#hooks
    if (hooks !== undefined) outside(() => hooks.report(name, event))
  }

  inBackground(work: Promise<void>): void {
    this.loads.inBackground(work)
  }

  // What a caller gets for a fresh, a stale and an absent value.

  /** Returns what a caller gets for the result of its read. */
  settle(ask: Ask<Slot>, finding: Finding): SoonEntry {
    if (finding.verdict === 'fresh') return this.#settleFresh(ask, finding)
    if (finding.verdict === 'stale') return this.#settleStale(ask, finding)
    return this.#pursue(this.#waiter(ask, undefined), finding)
  }

  #settleFresh(ask: Ask<Slot>, finding: Finding): SoonEntry {
    this.#refillBehind(ask, finding)
    return freshEntry(finding)
  }

  /**
   * Serves a stale value at once within staleWhileRevalidate; after that only if everything else
   * fails.
   */
  #settleStale(ask: Ask<Slot>, finding: Finding): SoonEntry {
    const { policy } = ask.slot
    const { lease, staleForSeconds } = finding
    if (staleForSeconds > policy.staleWhileRevalidateSeconds) {
      const stale = Promise.resolve(this.#staleEntry(ask, finding))
      return stale.then((entry) => this.#pursue(this.#waiter(ask, { entry, lease }), finding))
    }
    if (finding.isToMark === true) return this.#settleMarked(ask, finding)
    const flight = this.#refillBehind(ask, finding)
    const stale = this.#staleEntry(ask, finding)
    if (policy.staleTimeoutMs === 0 || flight === undefined) return stale
    return this.#freshInTime(policy.staleTimeoutMs, flight, finding, stale)
  }

  /** Starts or finds the load that replaces a value which is served meanwhile. */
  #refillBehind(ask: Ask<Slot>, finding: Finding): Flight | undefined {
    const { election, lease } = finding
    if (election === 'none') return undefined
    const { slot } = ask
    if (slot.flight?.holds(lease) === true) return slot.flight
    if (election === 'won') return this.#start(ask, finding)
    void this.#electBehind(ask, finding)
    return undefined
  }

  /**
   * Lets one reader mark the value stale, so that it is refilled. That reader gets the stale value
   * only after the load has begun, because its own call may run the loader.
   */
  async #settleMarked(ask: Ask<Slot>, finding: Finding): Promise<RefillEntry> {
    const { staleTimeoutMs } = ask.slot.policy
    const stale = this.#staleEntry(ask, finding)
    const flight = await this.#electBehind(ask, finding)
    await flight?.begun
    if (staleTimeoutMs === 0 || flight === undefined) return stale
    return this.#freshInTime(staleTimeoutMs, flight, finding, stale)
  }

  /**
   * Tries for the lease in the background, and resolves to the load that it starts. Ignores an
   * unreachable server, because the next reader tries again.
   */
  async #electBehind(ask: Ask<Slot>, finding: Finding): Promise<Flight | undefined> {
    const { slot } = ask
    if (isSettled(slot, finding, this.clock.nowMs(), 'untilMs')) return undefined
    const now = await this.elect(ask, finding).catch(() => undefined)
    if (now?.election !== 'won' || slot.flight?.holds(now.lease) === true) return undefined
    return this.#start(ask, now)
  }

  /** Serves a caller that must wait: for its own load, or for another client's. */
  async #pursue(waiter: Waiter<Slot>, finding: Finding): Promise<RefillEntry> {
    const { slot } = waiter.ask
    const { election, lease } = finding
    let now = finding
    const isOurs = slot.flight?.holds(lease) === true
    if (!isOurs && (election === 'open' || election === 'lost')) {
      try {
        now = await this.elect(waiter.ask, finding)
      } catch (error) {
        return this.unreachable(waiter, error)
      }
    }
    return this.resume(waiter, now) ?? this.#join(waiter)
  }

  /** Returns what the waiter gets, or undefined if it must keep waiting. */
  resume(waiter: Waiter<Slot>, finding: Finding): SoonEntry | undefined {
    const { ask, fallback, wantsFresh } = waiter
    const { slot } = ask
    const { verdict, election, trouble, staleForSeconds } = finding
    if (verdict === 'fresh') return this.#settleFresh(ask, finding)
    // An earlier load under this lease failed or took too long. So do not wait for this one if
    // there is a stale value.
    const isVain = fallback !== undefined && isSameLease(slot.failed, finding.lease)
    if (slot.flight?.holds(finding.lease) === true) {
      return isVain ? fallback.entry : this.#share(waiter, slot.flight, finding)
    }
    if (election === 'won') return guarded(this.#start(ask, finding).promise, fallback?.entry)
    if (election === 'none' && finding.staleBecause === 'tag' && !wantsFresh) {
      return fallback?.entry ?? this.#staleEntry(ask, finding)
    }
    if (election === 'none') return this.unreachable(waiter, undefined)
    if (wantsFresh) return undefined
    const isYoung = staleForSeconds <= slot.policy.staleWhileRevalidateSeconds
    if (verdict === 'stale' && (isYoung || trouble !== 'none' || isVain)) {
      return this.#staleEntry(ask, finding)
    }
    if (trouble !== 'failing') return undefined
    return fallback?.entry ?? Promise.reject(failedBefore(slot))
  }

  /** Returns what a caller gets when the cache is unreachable. */
  unreachable({ ask, fallback }: Waiter<Slot>, error: unknown): Promise<RefillEntry> {
    if (fallback !== undefined) return Promise.resolve(fallback.entry)
    if (isOwnFault(error)) return Promise.reject(error)
    this.report('bypass', { key: ask.slot.key, error })
    return this.#bypass(ask, 'bypass')
  }

  async timedOut({ ask, fallback }: Waiter<Slot>): Promise<RefillEntry> {
    const { slot } = ask
    const { onWaitTimeout } = slot.policy
    if (fallback !== undefined) {
      slot.failed = fallback.lease
      return fallback.entry
    }
    if (onWaitTimeout === 'throw') throw waitTimedOut(ask)
    if (onWaitTimeout === 'undefined') return { value: undefined, state: 'uncached' }
    return this.#bypass(ask, 'uncached')
  }

  failed(ask: Ask<Slot>, error: unknown): Promise<RefillEntry> {
    return this.unreachable(this.#waiter(ask, undefined), error)
  }

  // Calls that try for a lease.

  async elect({ slot }: Ask<Slot>, finding: Finding): Promise<Finding> {
    this.loads.asks()
    const now = await electOnce(slot, finding, () => this.#elect(slot, finding), this).finally(() =>
      this.loads.replied(),
    )
    return isPromise(now.value) ? this.decoded(slot, now) : now
  }

  async #elect(slot: Slot, finding: Finding): Promise<Elected> {
    if (finding.isToMark === true) this.#judge.noteMark(slot, finding)
    const path = this.pathOf(slot, finding.lease.place)
    const elected = await path.elect(slot.key, slot.policy, finding)
    return this.#judge.elected(slot, finding, elected)
  }

  judged(slot: Slot, finding: Finding, look: Look | undefined): Finding | Promise<Finding> {
    return this.#judge.judged(slot, finding, look)
  }

  tookOver({ key }: Slot, { lease }: Finding): void {
    this.tally.takenOver++
    this.report('leaseTakenOver', { key, host: lease.place.name })
  }

  // Calls that load.

  #start(ask: Ask<Slot>, finding: Finding): Flight {
    const { slot } = ask
    if (finding.isUnreadable) {
      this.tally.unreadable++
      this.report('unreadable', { key: slot.key, host: finding.lease.place.name })
    }
    const path = this.pathOf(slot, finding.lease.place)
    const flight = new Flight(ask, path, finding, this, (over) => {
      if (slot.flight === over) slot.flight = undefined
      // Forget the last attempt for the lease: it concerned only the lease that this load has used.
      slot.sight = undefined
    })
    slot.flight = flight
    this.loads.track(flight, flight.promise)
    return flight
  }

  /**
   * Shares another caller's load. If that load was not stored, the key was changed: the caller
   * reads again, because the loaded value may be outdated.
   */
  async #share(waiter: Waiter<Slot>, flight: Flight, finding: Finding): Promise<RefillEntry> {
    const { fallback, untilMs, rereads } = waiter
    const leftMs = untilMs - this.clock.nowMs()
    const entry = await withinWait(this.clock, leftMs, guarded(flight.join(), fallback?.entry))
    if (entry === undefined) return this.timedOut(waiter)
    const holds = await this.#judge.holds(flight.tags, finding)
    if (!flight.isLost && holds === 'yes') return entry
    if (holds === 'unknown' || rereads === 0) return { ...entry, state: 'uncached' }
    return this.#readAgain({ ...waiter, rereads: rereads - 1 })
  }

  async #readAgain(waiter: Waiter<Slot>): Promise<RefillEntry> {
    return this.find(waiter.ask).then(
      (finding) => this.#pursue(waiter, finding),
      (error: unknown) => this.unreachable(waiter, error),
    )
  }

  #bypass(ask: Ask<Slot>, state: 'bypass' | 'uncached'): Promise<RefillEntry> {
    const { slot } = ask
    if (slot.bypass !== undefined) return slot.bypass.join(state)
    const bypass = new Bypass(ask, this, () => {
      if (slot.bypass === bypass) slot.bypass = undefined
    })
    slot.bypass = bypass
    const entry = bypass.join(state)
    this.loads.track(bypass, entry)
    return entry
  }

  /** Resolves to the loaded value if it arrives in time, else to the stale one. */
  async #freshInTime(
    timeoutMs: number,
    flight: Flight,
    finding: Finding,
    stale: SoonEntry,
  ): Promise<RefillEntry> {
    const fresh = guarded(flight.join(), await stale)
    const entry = await withinWait(this.clock, timeoutMs, fresh)
    return entry !== undefined && (await this.#judge.holds(flight.tags, finding)) === 'yes'
      ? entry
      : stale
  }

  // Calls that read, and calls that wait for other clients.

  /**
   * Joins the key's read of this tick, or starts one: there is one per key and tick. A read whose
   * bytes were sent cannot be joined, because an invalidation may have come since. Throws
   * MINTRING_BAD_KEY.
   */
  read(slot: Slot, loader: Loader, tagsOf: TagsOf | undefined): Read<Slot> {
    const joinable = slot.read
    if (joinable !== undefined && !joinable.isSent) {
      this.tally.coalesced++
      return joinable
    }
    const read = new Read<Slot>(slot, loader, tagsOf, this)
    read.begin()
    this.loads.asks()
    slot.read = read
    return read
  }

  over(read: Read<Slot>): void {
    this.loads.replied()
    if (read.slot.read === read) read.slot.read = undefined
  }

  /** Reads for a caller that decides by the read result. Rejects when the cache is unreachable. */
  find({ slot, loader, tagsOf }: Ask<Slot>): Promise<Finding> {
    return this.read(slot, loader, tagsOf).finding()
  }

  decoded(terms: Terms, finding: Finding): Promise<Finding> {
    return decoded(this.clock, terms, finding)
  }

  async poll(ask: Ask<Slot>): Promise<Finding> {
    this.tally.polls++
    const finding = await this.find(ask)
    const { election, lease, verdict } = finding
    const isOurs = ask.slot.flight?.holds(lease) === true
    if (isOurs || verdict === 'fresh' || election === 'won' || election === 'none') return finding
    return this.elect(ask, finding)
  }

  #join(waiter: Waiter<Slot>): Promise<RefillEntry> {
    const { slot } = waiter.ask
    slot.wait ??= new Wait(this, (wait) => {
      if (slot.wait === wait) slot.wait = undefined
    })
    return slot.wait.join(waiter)
  }

  #waiter(ask: Ask<Slot>, fallback: Fallback | undefined, wantsFresh = false): Waiter<Slot> {
    const untilMs = this.clock.nowMs() + ask.slot.policy.waitTimeoutMs
    return { ask, fallback, wantsFresh, untilMs, rereads: MAX_REREADS }
  }

  #staleEntry({ slot }: Ask<Slot>, finding: Finding): SoonEntry {
    const { staleForSeconds, staleBecause, lease } = finding
    this.report('stale', { key: slot.key, host: lease.place.name, staleForSeconds, staleBecause })
    return staleEntry(finding)
  }

  // Calls that change the key.

  /**
   * Marks the key stale and resolves to a value loaded after that. Rejects when it cannot be
   * marked: other readers could treat an older value as fresh.
   */
  async restart(ask: Ask<Slot>): Promise<RefillEntry> {
    const waiter = this.#waiter(ask, undefined, true)
    await this.invalidate(ask.slot.key, ask.slot, ask.slot.policy, true)
    return this.#readAgain(waiter)
  }

  /** Marks a key stale. A running load started earlier, so no caller may join it. */
  async invalidate(key: string, slot: Slot | undefined, policy: Policy, isKnown: boolean) {
    if (slot !== undefined) detach(slot)
    try {
      return await invalidateHomes({ key, policy }, isKnown, this.pathOf, this.store)
    } finally {
      if (slot !== undefined) detach(slot)
    }
  }
}
