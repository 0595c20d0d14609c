import type { HandoverMessage } from '../channels.ts'
import { isMintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import { type Phase, planOf } from '../ring/transition.ts'
import { hold } from './hold.ts'
import type { Host } from './host.ts'
import { remove } from './item-commands.ts'
import { isReadOf, type KeyGate, keyEffectOf, refuseKey } from './key-gate.ts'
import { carryOut } from './moved-key.ts'
import { type CopyOutcome, copyOf, MovedRequest, type Mover } from './moved-request.ts'
import { type HandoverOwner, type HandoverStart, MovingKeys } from './moving-keys.ts'
import { errorOf, mayRepeat, unknownHome } from './next-step.ts'
import type { Operations } from './operations.ts'

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

/** One change of the placement, from its announcement to its end: the requests of its keys. */
export class Handover extends MovingKeys implements KeyGate, Mover {
  readonly counts = { copied: 0, absent: 0 }
  readonly #onEnd: (handover: Handover) => void
  /**
   * Whether the handover is over: the placement may differ now, so pending work must not rely on
   * it.
   */
  isOver = false

  constructor(owner: HandoverOwner, input: HandoverStart, onEnd: (it: Handover) => void) {
    super(owner, input)
    this.#onEnd = onEnd
  }

  get snapshot(): HandoverSnapshot | undefined {
    const { phase } = this
    if (phase === undefined || this.isOpening) return undefined
    return {
      phase: phase === 'announce' ? 'announce' : 'move',
      fromServers: this.from.hosts.map(({ name }) => name),
      toServers: this.owner.hosts.map(({ name }) => name),
      endsAtMs: this.endsAtMs,
      ...this.counts,
    }
  }

  /** Takes over a request for a moving key. Returns false if the handover does not concern it. */
  take(request: Request): boolean {
    const { routeKey } = request
    if (routeKey === undefined || this.isOver || request.settled) return false
    const previous = this.formerHomeOf(routeKey)
    if (previous === undefined) return false
    const isHomeBound = request.binding === 'host'
    if (isHomeBound && previous === this.newHomeOf(routeKey) && !this.from.isRenamed) return false
    const pending = this.clock.opening ?? this.clock.checkOf(previous)
    if (pending !== undefined) {
      this.#hold(request, previous, pending)
      return true
    }
    const phase = this.phaseFor(routeKey, previous)
    if (phase === undefined) return false
    if (this.isStranger(previous)) return this.#takeWithout(request, previous, phase)
    // It cannot use the fallback hosts that others use.
    if (this.hasStrangers && this.phase === 'announce' && phase !== 'announce')
      return this.#takeWithout(request, previous, 'announce')
    // If one host is down and the other one replaces it, one command is enough. But if keys are
    // renamed, the key has two items even there.
    const serving = this.previousHostOf(routeKey, previous)
    if (!this.from.isRenamed && this.owner.newHostFor(routeKey) === serving)
      return this.#sendToOnlyHome(request, previous, phase)
    if (request.verb.isOneHome === true) return this.#sendToReadHome(request, previous, phase)
    void this.operations.during(this.#carryOut(request, previous))
    return true
  }

  /**
   * Moves one key now. The result is `early` if values may not move yet, and `late` if they no
   * longer move.
   */
  async copyKey(routeKey: string, wireKey: string): Promise<CopyOutcome> {
    await this.clock.opening
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined) return 'stays'
    if (this.isStranger(previous)) return 'absent'
    const phase = this.phaseFor(routeKey, previous)
    if (phase !== 'move') return phase === 'announce' ? 'early' : 'late'
    return copyOf(routeKey, wireKey, this, previous)
  }

  /** Counts a refill's lookup at the previous host. */
  looked(isFound: boolean): void {
    if (isFound) this.counts.copied++
    else this.counts.absent++
  }

  /** Ends the handover in this process. Returns the hosts that are no longer needed. */
  end(): readonly Host[] {
    this.isOver = true
    this.clock.stop()
    return this.input.leaving
  }

  // The methods of Mover, which moved requests call.

  sendTo(host: Host, request: Request): void {
    request.binding = 'previous'
    if (this.isStranger(host)) request.reject(unknownHome(host.name))
    else this.owner.dispatchTo(host, request)
  }

  send(host: Host, request: Request): void {
    this.owner.send(host, request)
  }

  place(request: Request): void {
    if (this.isOver) this.owner.dispatch(request)
    else this.owner.dispatchNew(request)
  }

  /** Sends a request to the key's host in the previous placement. */
  sendBefore(request: Request, previous: Host, isHomeBound = request.binding === 'host'): void {
    if (this.isServing && !isHomeBound) this.owner.dispatchBefore(request)
    else this.sendTo(previous, request)
  }

  /**
   * Deletes a key on the fallback host of its previous home, if that is out, once values may move:
   * processes that still announce read the key there.
   */
  async clearStandIn(routeKey: string, wireKey: string, previous: Host, b: boolean): Promise<void> {
    if (!this.isServing || this.isServed(routeKey, previous)) return
    const host = this.servingHostOf(routeKey)
    if (host === undefined || host === previous || host === this.hostFor(routeKey)) return
    const removal = remove({ routeKey, wireKey, b })
    this.sendTo(host, removal as Request)
    await removal.promise.catch((error: unknown) => {
      if (host.usable) throw error
    })
  }

  owePrevious(host: Host, { routeKey, wireKey }: Request): void {
    this.owner.owe(host, this.from.rename(routeKey!, wireKey)[1])
  }

  get operations(): Operations {
    return this.owner.operations
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

  /**
   * Sends to one host only: the new one is down, and the previous one replaces it, or the reverse.
   * Processes that see the new one back before this one read it, unless they still announce, so
   * they must find a notice of a change.
   */
  #sendToOnlyHome(request: Request, previous: Host, phase: Phase): boolean {
    const { routeKey, wireKey, verb } = request
    const isChange = verb.effect !== 'read'
    if (phase === 'settle' || (isChange && phase !== 'announce')) {
      this.owner.dispatchNew(request)
      return true
    }
    const home = this.newHomeOf(routeKey!)
    if (isChange && home !== this.previousHostOf(routeKey!, previous)) this.owner.owe(home, wireKey)
    if (phase === 'announce') this.sendBefore(request, previous)
    else this.sendTo(previous, request)
    return true
  }

  /** Holds a request until it is known which of its hosts to use. */
  #hold(request: Request, previous: Host, opening: Promise<void>): void {
    request.times ??= this.owner.policy
    const { owner } = this
    const go = (): void => {
      if (request.binding === 'host') owner.dispatchHome(request)
      else owner.dispatch(request)
    }
    hold(request, previous, opening, go, (error) => request.reject(error))
  }

  #sendToReadHome(request: Request, previous: Host, phase: Phase): boolean {
    const { routeKey, wireKey } = request
    if (phase === 'announce') {
      this.sendBefore(request, previous)
      return true
    }
    const home = this.owner.newHostFor(routeKey!)
    if (home === undefined || !this.mayHaveLeftovers(home)) return false
    const next = (): void => {
      if (!request.settled) this.place(request)
    }
    this.clear(home, { routeKey, wireKey, b: false }).then(next, next)
    return true
  }

  async #carryOut(request: Request, previous: Host): Promise<void> {
    request.times ??= this.owner.policy
    const effect = keyEffectOf(request)
    for (;;) {
      const phase = this.phaseFor(request.routeKey!, previous) ?? 'settle'
      const wasUsable = previous.usable
      const isServed = this.isServed(request.routeKey!, previous)
      const isDown = !wasUsable && !isServed
      // If a previous host that is down misses a change, this process must never read it again. It
      // gets changes again when it is back: processes that started since then do read it.
      if (isDown && effect !== 'read') this.noteOut(previous, false)
      const moved = new MovedRequest(request, this, previous, isDown, isServed)
      const mayCopy = previous.abilities?.meta === true && this.#mayCopyTo(request.routeKey!)
      try {
        request.resolve(await carryOut(planOf(phase, effect, mayCopy), moved))
        return
      } catch (error) {
        // If the host has gone down, its keys use their new host at once.
        const isNew = wasUsable && !previous.usable
        if (isNew) this.noteOut(previous, isServed)
        request.sent ||= moved.isSent
        const { retryWrites } = this.owner.policy
        if (!isNew || !isMintringError(error) || !mayRepeat(request, error, retryWrites)) {
          request.reject(isMintringError(error) ? errorOf(request, error) : error)
          return
        }
      }
    }
  }

  #mayCopyTo(routeKey: string): boolean {
    const host = this.owner.newHostFor(routeKey)
    return host?.abilities === undefined || host.abilities.meta
  }

  protected override phaseChanged(phase: Phase | undefined, isNew: boolean): void {
    if (phase === undefined) {
      this.isOver = true
      this.#onEnd(this)
    }
    if (isNew && phase !== 'settle') this.#tell(phase ?? 'end')
    if (phase === undefined) this.owner.hooks.handedOver?.()
  }

  #tell(phase: HandoverMessage['phase']): void {
    this.owner.hooks.handover?.({
      phase,
      fromServers: this.from.hosts.map((host) => host.name),
      toServers: this.owner.hosts.map((host) => host.name),
      endsAtMs: this.endsAtMs,
      ...this.counts,
    })
  }
}
