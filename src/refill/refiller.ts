import type { TagsOf } from '../tags/names.ts'
import type { RefillContext } from './context.ts'
import type { Finding, RefillEntry, SoonEntry } from './finding.ts'
import { freshEntry, guarded, isPromise, isSameLease, staleEntry } from './finding.ts'
import { Flight } from './flight.ts'
import { type Ask, Bypass, failedBefore, type Loader } from './loader.ts'
import { invalidateHomes } from './moving.ts'
import type { Elected } from './paths/path.ts'
import type { Policy } from './policy.ts'
import { Read } from './read.ts'
import { decoded, withinWait } from './share.ts'
import { detach, electOnce, isSettled, type Slot } from './slots.ts'
import type { Fallback, Waiter } from './wait.ts'
import { isOwnFault, Wait, waitTimedOut } from './wait.ts'

/**
 * Callers that share a load read the key again if the loaded value was not stored. This is how many
 * times they do so, before they return the loaded value.
 */
const MAX_REREADS = 3
/**
 * Acts on the result of a read: decides what each caller gets, who loads, and who waits. The key's
 * slot holds its pending work.
 */
export class Refiller {
  readonly context: RefillContext

  constructor(context: RefillContext) {
    this.context = context
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
    return this.#freshInTime(ask, flight, finding, stale)
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
    return this.#freshInTime(ask, flight, finding, stale)
  }

  /**
   * Tries for the lease in the background, and resolves to the load that it starts. Ignores an
   * unreachable server, because the next reader tries again.
   */
  async #electBehind(ask: Ask<Slot>, finding: Finding): Promise<Flight | undefined> {
    const { slot } = ask
    if (isSettled(slot, finding, this.context.clock.nowMs(), 'untilMs')) return undefined
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
    this.context.report('bypass', { key: ask.slot.key, error })
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
    const { context } = this
    context.asks()
    const elect = (): Promise<Elected> => this.#elect(slot, finding)
    const now = await electOnce(slot, finding, elect, context).finally(() => context.replied())
    return isPromise(now.value) ? decoded(context.clock, slot, now) : now
  }

  async #elect(slot: Slot, finding: Finding): Promise<Elected> {
    const { judge } = this.context
    if (finding.isToMark === true) judge.noteMark(slot, finding)
    const path = this.context.pathOf(slot.policy, finding.lease.place)
    const elected = await path.elect(slot.key, slot.policy, finding)
    return judge.elected(slot, finding, elected)
  }

  // Calls that load.

  #start(ask: Ask<Slot>, finding: Finding): Flight {
    const { slot } = ask
    const { context } = this
    if (finding.isUnreadable) {
      context.tally.unreadable++
      context.report('unreadable', { key: slot.key, host: finding.lease.place.name })
    }
    const flight = new Flight(ask, finding, context, (over) => {
      if (slot.flight === over) slot.flight = undefined
      // Forget the last attempt for the lease: it concerned only the lease that this load has used.
      slot.sight = undefined
    })
    slot.flight = flight
    context.track(flight, flight.promise, true)
    return flight
  }

  /**
   * Shares another caller's load. If that load was not stored, the key was changed: the caller
   * reads again, because the loaded value may be outdated.
   */
  async #share(waiter: Waiter<Slot>, flight: Flight, finding: Finding): Promise<RefillEntry> {
    const { fallback, untilMs, rereads } = waiter
    const { clock, judge } = this.context
    const leftMs = untilMs - clock.nowMs()
    const entry = await withinWait(clock, leftMs, guarded(flight.join(waiter.ask), fallback?.entry))
    if (entry === undefined) return this.timedOut(waiter)
    const holds = await judge.holds(flight.tags, finding)
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
    const bypass = new Bypass(ask, this.context, () => {
      if (slot.bypass === bypass) slot.bypass = undefined
    })
    slot.bypass = bypass
    const entry = bypass.join(state)
    this.context.track(bypass, entry, false)
    return entry
  }

  /** Resolves to the loaded value if it arrives in time, else to the stale one. */
  async #freshInTime(
    ask: Ask<Slot>,
    flight: Flight,
    finding: Finding,
    stale: SoonEntry,
  ): Promise<RefillEntry> {
    const fresh = guarded(flight.join(ask), await stale)
    const { clock, judge } = this.context
    const entry = await withinWait(clock, ask.slot.policy.staleTimeoutMs, fresh)
    if (entry === undefined) return stale
    return (await judge.holds(flight.tags, finding)) === 'yes' ? entry : stale
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
      this.context.tally.coalesced++
      return joinable
    }
    const read = new Read<Slot>(slot, loader, tagsOf, this)
    read.begin()
    this.context.asks()
    slot.read = read
    return read
  }

  over(read: Read<Slot>): void {
    this.context.replied()
    if (read.slot.read === read) read.slot.read = undefined
  }

  /** Reads for a caller that decides by the read result. Rejects when the cache is unreachable. */
  find({ slot, loader, tagsOf }: Ask<Slot>): Promise<Finding> {
    return this.read(slot, loader, tagsOf).finding()
  }

  poll(ask: Ask<Slot>): Promise<Finding> {
    return this.context.aside.run(() => this.#poll(ask))
  }

  async #poll(ask: Ask<Slot>): Promise<Finding> {
    this.context.tally.polls++
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
    const untilMs = this.context.clock.nowMs() + ask.slot.policy.waitTimeoutMs
    return { ask, fallback, wantsFresh, untilMs, rereads: MAX_REREADS }
  }

  #staleEntry({ slot }: Ask<Slot>, finding: Finding): SoonEntry {
    const { staleForSeconds, staleBecause, lease } = finding
    const host = lease.place.name
    this.context.report('stale', { key: slot.key, host, staleForSeconds, staleBecause })
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
      return await invalidateHomes(key, policy, isKnown, this.context)
    } finally {
      if (slot !== undefined) detach(slot)
    }
  }
}
