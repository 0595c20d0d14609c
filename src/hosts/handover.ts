import { isMintringError } from '../errors.ts'
import { timeoutError } from '../net/attempt.ts'
import type { Request } from '../net/request.ts'
import type { HomeName, Phase } from '../ring/transition.ts'
import { planOf } from '../ring/transition.ts'
import { clearTimeout, performance, setTimeout } from '../runtime.ts'
import { Earlier } from './earlier.ts'
import { HandoverClock } from './handover-clock.ts'
import type { Part } from './handover-mark.ts'
import type { ClusterHooks } from './hooks.ts'
import type { Host } from './host.ts'
import type { WireKey } from './item-commands.ts'
import { isReadOf, type KeyGate, keyEffectOf, refuseKey } from './key-gate.ts'
import type { NamedPlacement } from './mark.ts'
import { carryOut } from './moved-key.ts'
import { type CopyOutcome, copyOf, MovedRequest, type Mover } from './moved-request.ts'
import { errorOf, mayRepeat, unknownHome } from './next-step.ts'
import type { Operations } from './operations.ts'
import type { ClusterPolicy } from './policy.ts'
import { type HandoverChange, homesOf, type PreviousPlaces } from './previous-places.ts'

/** The value of `client.handover`. */
export interface HandoverSnapshot {
  /**
   * The phase of a handover. `announce`: some processes may not know of the change yet. `move`:
   * values are moving.
   */
  readonly phase: 'announce' | 'move'
  /** The previous servers, as `hosts()` names them. */
  readonly fromServers: readonly string[]
  /** The current servers. */
  readonly toServers: readonly string[]
  /** When the handover ends, in Unix milliseconds. */
  readonly endsAtMs: number
  /** How many values this process has moved. */
  readonly copied: number
  /** How many keys this process did not find on their previous host. */
  readonly absent: number
}

/** What a handover needs from its cluster. */
export interface HandoverOwner {
  readonly hosts: readonly Host[]
  readonly policy: ClusterPolicy
  readonly hooks: ClusterHooks
  homeOf(routeKey: string): Host
  /** Returns the host of a key in the new placement; undefined if none is available. */
  newHostFor(routeKey: string): Host | undefined
  /** Sends a request to one host, without a fallback. */
  dispatchTo(host: Host, request: Request): void
  /** Sends a request to its key's host in the new placement. */
  dispatchNew(request: Request): void
  /** Sends a request to its key's host according to the current handover. */
  dispatch(request: Request): void
  owe(host: Host, wireKey: string): void
  readonly operations: Operations
}

/** A change of the placement and the hosts involved. */
export interface HandoverStart extends HandoverChange {
  readonly from: PreviousPlaces
  readonly placements: { readonly from: NamedPlacement; readonly to: NamedPlacement }
  /** Hosts that only the previous placement has. */
  readonly leaving: readonly Host[]
  /**
   * Previous hosts that are not in the settings of this process: it knows them only from the item
   * (mark) that tells the fleet of the handover, and does not dial them.
   */
  readonly strangers: ReadonlySet<Host>
  readonly part: Part
}

/** One change of the placement, from its announcement to its end. */
export class Handover implements KeyGate, Mover {
  readonly counts = { copied: 0, absent: 0 }
  readonly from: PreviousPlaces
  readonly #owner: HandoverOwner
  readonly #input: HandoverStart
  /** Previous hosts that were down at some time, and are never read again. */
  readonly #gone = new Set<Host>()
  /** The phases of the handover in the fleet. */
  readonly clock: HandoverClock
  readonly #onEnd: (handover: Handover) => void
  /**
   * Whether the handover is over: the placement may differ now, so pending work must not rely on
   * it.
   */
  isOver = false
  /** The two hosts of a moving key, in the order in which they must get a change. */
  readonly homes: readonly HomeName[] = ['previous', 'new']

  constructor(owner: HandoverOwner, input: HandoverStart, onEnd: (it: Handover) => void) {
    this.#onEnd = onEnd
    this.#owner = owner
    this.#input = input
    this.from = input.from
    for (const host of this.from.hosts) this.hostChanged(host)
    this.clock = new HandoverClock({
      ...input,
      withinMs: owner.policy.connectTimeoutMs + owner.policy.requestTimeoutMs,
      hosts: [...new Set([...owner.hosts, ...this.dialled])],
      receiving: homesOf((key) => {
        return this.previousHomeOf(key) && owner.homeOf(key)
      }),
      earlier: new Earlier(input, this.from, owner.policy, (routeKey, host) => {
        return owner.homeOf(routeKey) === host && this.previousHomeOf(routeKey) !== undefined
      }),
      ask: (host, request) => {
        request.bounds = { timeoutMs: owner.policy.requestTimeoutMs }
        owner.dispatchTo(host, request as Request)
        return request.promise
      },
      onPhase: (phase, isNew) => this.#onPhase(phase, isNew),
    })
  }

  get phase(): Phase | undefined {
    return this.clock.phase
  }

  get snapshot(): HandoverSnapshot | undefined {
    const { phase } = this
    if (phase === undefined || this.clock.opening !== undefined) return undefined
    return {
      phase: phase === 'announce' ? 'announce' : 'move',
      fromServers: this.from.hosts.map(({ name }) => name),
      toServers: this.#owner.hosts.map(({ name }) => name),
      endsAtMs: this.clock.endsAtMs,
      ...this.counts,
    }
  }

  /** Takes over a request for a moving key. Returns false if the handover does not concern it. */
  take(request: Request): boolean {
    const { routeKey } = request
    if (routeKey === undefined || this.isOver || request.settled) return false
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined) return false
    const pending = this.clock.opening ?? this.clock.checkOf(previous)
    if (pending !== undefined) {
      this.#hold(request, previous, pending)
      return true
    }
    const phase = this.phaseFor(routeKey, previous)
    if (phase === undefined) return false
    if (this.#isStranger(previous)) return this.#takeWithout(request, previous, phase)
    // If the new host is down and the previous one replaces it, one command is enough. But if keys
    // are renamed, the key has two items even there.
    if (!this.from.isRenamed && this.#owner.newHostFor(routeKey) === previous)
      return this.#sendToOnlyHome(request, previous)
    if (request.verb.isOneHome === true) return this.#sendToReadHome(request, previous, phase)
    void this.operations.during(this.#carryOut(request, previous))
    return true
  }

  /** The hosts of the previous placement that this process may dial. */
  get dialled(): readonly Host[] {
    return this.from.hosts.filter((host) => !this.#isStranger(host))
  }

  /** Returns the host of a key in the previous placement; undefined if the key does not move. */
  previousHomeOf(routeKey: string): Host | undefined {
    const { from } = this
    if (!from.isRenamed) {
      const home = from.homeOf(routeKey)
      return home === this.#owner.homeOf(routeKey) ? undefined : home
    }
    return from.homeOf(from.rename(routeKey, routeKey)[0])
  }

  /** Returns the previous host of a key while reads still use it; undefined afterwards. */
  readHomeOf(routeKey: string): Host | undefined {
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined || this.#isStranger(previous)) return undefined
    return this.phaseFor(routeKey, previous) === 'announce' ? previous : undefined
  }

  /** Returns the phase of one key: reads use its new host only after that has been cleared. */
  phaseFor(routeKey: string, previous: Host): Phase | undefined {
    const { phase } = this
    if (phase === undefined) return undefined
    if (this.#isOut(previous)) return 'settle'
    const home = this.#owner.homeOf(routeKey)
    if (phase === 'move' && this.clock.leftovers?.isClear(home) !== true) return 'announce'
    return phase
  }

  /**
   * Returns the host of a moving key that reads do not use, but that may have the item if they
   * miss.
   */
  otherHomeOf(routeKey: string): { readonly host: Host; readonly isPrevious: boolean } | undefined {
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined || this.#isStranger(previous)) return undefined
    if (this.clock.opening !== undefined) return undefined
    const phase = this.phaseFor(routeKey, previous)
    if (phase === 'move') return { host: previous, isPrevious: true }
    const home = this.#owner.newHostFor(routeKey)
    if (phase !== 'announce' || home === undefined || this.mayHaveLeftovers(home)) return undefined
    return { host: home, isPrevious: false }
  }

  /** Whether changes of a key must reach both its previous and its new host. */
  isMoving(routeKey: string): boolean {
    return this.previousHomeOf(routeKey) !== undefined
  }

  /**
   * Moves one key now. The result is `early` if values may not move yet, and `late` if they no
   * longer move.
   */
  async copyKey(routeKey: string, wireKey: string): Promise<CopyOutcome> {
    await this.clock.opening
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined) return 'stays'
    if (this.#isStranger(previous)) return 'absent'
    const phase = this.phaseFor(routeKey, previous)
    if (phase !== 'move') return phase === 'announce' ? 'early' : 'late'
    return copyOf(routeKey, wireKey, this, previous)
  }

  /** Counts a refill's lookup at the previous host. */
  looked(isFound: boolean): void {
    if (isFound) this.counts.copied++
    else this.counts.absent++
  }

  /** Whether a request is sent to the previous host of its key. */
  isAtPrevious(host: Host, { routeKey, binding }: Request): boolean {
    if (binding === 'previous') return true
    return routeKey !== undefined && this.previousHomeOf(routeKey) === host
  }

  /** Records that a host of the placements has become usable or unusable. */
  hostChanged(host: Host): void {
    if (host.isEjected && this.from.hosts.includes(host)) this.#gone.add(host)
  }

  /** Ends the handover in this process. Returns the hosts that are no longer needed. */
  end(): readonly Host[] {
    this.isOver = true
    this.clock.stop()
    return this.#input.leaving
  }

  // The methods of Mover, which moved requests call.

  sendTo(host: Host, request: Request): void {
    request.binding = 'previous'
    if (this.#isStranger(host)) request.reject(unknownHome(host.name))
    else this.#owner.dispatchTo(host, request)
  }

  place(request: Request): void {
    if (this.isOver) this.#owner.dispatch(request)
    else this.#owner.dispatchNew(request)
  }

  hostFor(routeKey: string): Host | undefined {
    return this.#owner.newHostFor(routeKey)
  }

  rename(routeKey: string, wireKey: string): readonly [string, string] {
    return this.from.rename(routeKey, wireKey)
  }

  lockOf(wireKey: string): string {
    return this.#input.lockOf(wireKey)
  }

  owePrevious(host: Host, { routeKey, wireKey }: Request): void {
    this.#owner.owe(host, this.from.rename(routeKey!, wireKey)[1])
  }

  mayHaveLeftovers(host: Host): boolean {
    return this.#owner.hosts.includes(host) && this.clock.leftovers?.isClear(host) === false
  }

  async clear(host: Host, key: WireKey): Promise<void> {
    await this.clock.leftovers?.clear(host, key)
  }

  get operations(): Operations {
    return this.#owner.operations
  }

  #isStranger(previous: Host): boolean {
    return this.#input.strangers.has(previous)
  }

  /**
   * Handles a request whose previous host this process may not dial. Until other processes have
   * moved the key, reads miss. Changes reject until the end, because other processes could still
   * read the old value on the previous host.
   */
  #takeWithout(request: Request, previous: Host, phase: Phase): boolean {
    if (isReadOf(request) && phase !== 'announce') return false
    refuseKey(request, unknownHome(previous.name))
    return true
  }

  #isOut(previous: Host): boolean {
    return this.#gone.has(previous) || !previous.usable || this.clock.isLate(previous)
  }

  /** Sends to the previous host only, because the new one is down. */
  #sendToOnlyHome(request: Request, previous: Host): boolean {
    const { routeKey, wireKey, verb } = request
    if (verb.effect !== 'read') this.#owner.owe(this.#owner.homeOf(routeKey!), wireKey)
    this.sendTo(previous, request)
    return true
  }

  /** Holds a request until it is known which of its hosts to use. */
  #hold(request: Request, previous: Host, opening: Promise<void>): void {
    const startMs = performance.now()
    request.times ??= this.#owner.policy
    request.finalMs = request.endMs(startMs)
    const timer = setTimeout(() => {
      request.reject(timeoutError(request, previous, startMs))
    }, request.finalMs - startMs)
    void opening.then(() => {
      clearTimeout(timer)
      if (!request.settled) this.#owner.dispatch(request)
    })
  }

  #sendToReadHome(request: Request, previous: Host, phase: Phase): boolean {
    const { routeKey, wireKey } = request
    if (phase === 'announce') {
      this.sendTo(previous, request)
      return true
    }
    const home = this.#owner.newHostFor(routeKey!)
    if (home === undefined || !this.mayHaveLeftovers(home)) return false
    const next = (): void => {
      if (!request.settled) this.place(request)
    }
    this.clear(home, { routeKey, wireKey, b: false }).then(next, next)
    return true
  }

  async #carryOut(request: Request, previous: Host): Promise<void> {
    request.times ??= this.#owner.policy
    const effect = keyEffectOf(request)
    for (;;) {
      const phase = this.phaseFor(request.routeKey!, previous) ?? 'settle'
      const isDown = !previous.usable
      // If a previous host that is down misses a change, this process must never read it again. It
      // gets changes again when it is back: processes that started since then do read it.
      if (isDown && effect !== 'read') this.#gone.add(previous)
      const moved = new MovedRequest(request, this, previous, isDown)
      const mayCopy = previous.abilities?.meta === true && this.#mayCopyTo(request.routeKey!)
      try {
        request.resolve(await carryOut(planOf(phase, effect, mayCopy), moved))
        return
      } catch (error) {
        // If the host has gone down, its keys use their new host at once.
        const isNew = !isDown && !previous.usable
        if (isNew) this.#gone.add(previous)
        request.sent ||= moved.isSent
        const { retryWrites } = this.#owner.policy
        if (!isNew || !isMintringError(error) || !mayRepeat(request, error, retryWrites)) {
          request.reject(isMintringError(error) ? errorOf(request, error) : error)
          return
        }
      }
    }
  }

  #mayCopyTo(routeKey: string): boolean {
    const host = this.#owner.newHostFor(routeKey)
    return host?.abilities === undefined || host.abilities.meta
  }

  #onPhase(phase: Phase | undefined, isNew: boolean): void {
    if (phase === undefined) {
      this.isOver = true
      this.#onEnd(this)
    }
    if (!isNew || phase === 'settle') return
    this.#owner.hooks.handover?.({
      phase: phase ?? 'end',
      fromServers: this.from.hosts.map((host) => host.name),
      toServers: this.#owner.hosts.map((host) => host.name),
      endsAtMs: this.clock.endsAtMs,
      ...this.counts,
    })
  }
}
