import { settledWithin } from '../deadline.ts'
import type { Request } from '../net/request.ts'
import type { HomeName, Phase } from '../ring/transition.ts'
import { isProcessGone } from './absence.ts'
import type { ServerAddress } from './address.ts'
import { Earlier } from './earlier.ts'
import { HandoverClock } from './handover-clock.ts'
import type { Departure, Part, Withdrawal } from './handover-mark.ts'
import type { ClusterHooks } from './hooks.ts'
import type { Host } from './host.ts'
import type { WireKey } from './item-commands.ts'
import type { NamedPlacement } from './mark.ts'
import type { Operations } from './operations.ts'
import { placementOfPolicy } from './places.ts'
import type { ClusterPolicy } from './policy.ts'
import { type HandoverChange, homesOf, type PreviousPlaces } from './previous-places.ts'
import type { Routes } from './routes.ts'

/** What a handover needs from its cluster. */
export interface HandoverOwner {
  readonly hosts: readonly Host[]
  /** Everything that determines the placement of keys, as one text. */
  readonly placement: string
  readonly policy: ClusterPolicy
  readonly hooks: ClusterHooks
  readonly routes: Routes
  /** Returns the host of a key in the new placement; undefined if none is available. */
  newHostFor(routeKey: string): Host | undefined
  /** Sends a request to one host, without a fallback. */
  dispatchTo(host: Host, request: Request): void
  /** Does the same, without a retry. */
  send(host: Host, request: Request): void
  /** Sends a request to its key's host in the new placement. */
  dispatchNew(request: Request): void
  /** Sends a request to its key's host in the previous placement. */
  dispatchBefore(request: Request): void
  /** Sends a request to its key's home, without a fallback. */
  dispatchHome(request: Request): void
  /** Sends a request to its key's host according to the current handover. */
  dispatch(request: Request): void
  owe(host: Host, wireKey: string): void
  readonly operations: Operations
}

/** A change of the placement and the hosts involved. */
export interface HandoverStart extends HandoverChange {
  readonly from: PreviousPlaces
  readonly placements: { readonly from: NamedPlacement; readonly to: NamedPlacement }
  /** The previous servers, if this process had them as its list. */
  readonly fromServers: readonly ServerAddress[] | undefined
  /** Hosts that only the previous placement has. */
  readonly leaving: readonly Host[]
  /**
   * Previous hosts that are not in the settings of this process: it knows them only from the item
   * (mark) that tells the fleet of the handover, and does not dial them.
   */
  readonly strangers: ReadonlySet<Host>
  readonly part: Part
  /** When the first of a host's present connections was opened, on the clock of `performance`. */
  connectedMs(host: Host): number | undefined
}

/**
 * The keys that a change of the placement moves: where each key is, and in which phase. The clock
 * of the fleet determines the phase of the change. A key may be ahead or behind, because of the
 * state of its two hosts.
 */
export abstract class MovingKeys {
  readonly from: PreviousPlaces
  protected readonly owner: HandoverOwner
  protected readonly input: HandoverStart
  /** The phases of the handover in the fleet. */
  protected readonly clock: HandoverClock
  /**
   * Whether the previous places stay those of the cluster during the announcement, with their
   * fallback hosts: processes that have not heard of the change use these.
   */
  readonly isServing: boolean
  /** Previous hosts that were down at some time, and are not read when values move. */
  readonly #missed = new Set<Host>()
  /** Those that no host replaced, so that changes were made without them: never read again. */
  readonly #gone = new Set<Host>()
  /** The servers to use if the fleet goes back to the previous placement. */
  #back: readonly ServerAddress[] | undefined
  /** The two hosts of a moving key, in the order in which they must get a change. */
  readonly homes: readonly HomeName[] = ['previous', 'new']

  constructor(owner: HandoverOwner, input: HandoverStart) {
    const { hosts } = owner
    this.owner = owner
    this.input = input
    this.from = input.from
    this.isServing = owner.routes.hasStandIns && !this.from.isRenamed && input.strangers.size === 0
    this.#back = input.fromServers
    this.clock = new HandoverClock({
      ...input,
      withinMs: owner.policy.connectTimeoutMs + owner.policy.requestTimeoutMs,
      waitMs: Math.min(owner.policy.connectTimeoutMs, owner.policy.requestTimeoutMs / 4),
      hosts: [...new Set([...hosts, ...this.dialled])],
      previous: this.dialled,
      receiving: homesOf(
        (key) => this.previousHomeOf(key) && owner.routes.list.homeOf(key),
        hosts.length,
      ),
      earlier: new Earlier(input, this.from, owner.policy, (routeKey, host) => {
        return (
          owner.routes.list.homeOf(routeKey) === host && this.previousHomeOf(routeKey) !== undefined
        )
      }),
      ask: (host, request) => {
        request.bounds = { timeoutMs: owner.policy.requestTimeoutMs }
        owner.dispatchTo(host, request as Request)
        return request.promise
      },
      mayGoBack: (isAlone) => this.#mayGoBack(isAlone),
      onPhase: (phase, isNew) => this.phaseChanged(phase, isNew),
      onMove: () => owner.routes.move(),
    })
    if (this.isServing) owner.routes.announce(this.from.places)
  }

  /** Called when a phase starts, as in ClockInput. */
  protected abstract phaseChanged(phase: Phase | undefined, isNew: boolean): void

  get phase(): Phase | undefined {
    return this.clock.phase
  }

  /** In how many milliseconds values may move; negative afterwards. */
  get movesInMs(): number {
    return this.clock.movesInMs
  }

  /** Whether the fleet has gone back to the previous servers. */
  get isReversed(): boolean {
    return this.clock.isReversed
  }

  /**
   * Sets the list that is wanted now. If it is not the new one, the fleet goes back to the previous
   * one, if it can: processes that heard of this change and others then follow the next one alike.
   */
  want(servers: readonly ServerAddress[]): void {
    this.#back = this.#isPrevious(servers) ? servers : this.input.fromServers
    const text = placementOfPolicy(servers, this.owner.policy)
    this.clock.isUnwanted = this.#back !== undefined && text !== this.input.placements.to.text
  }

  /** The previous servers, if the fleet has gone back to them and this process can. */
  get back(): readonly ServerAddress[] | undefined {
    const servers = this.isReversed ? this.#back : undefined
    return servers !== undefined && this.#isPrevious(servers) ? servers : undefined
  }

  #isPrevious(servers: readonly ServerAddress[]): boolean {
    return placementOfPolicy(servers, this.owner.policy) === this.input.placements.from.text
  }

  /** When the handover ends, in Unix milliseconds. */
  get endsAtMs(): number {
    return this.clock.endsAtMs
  }

  /** The mark of a later change, by which the fleet has left the new placement. */
  get departure(): Departure | undefined {
    return this.clock.departure
  }

  /** Whether the phase is not known yet. */
  get isOpening(): boolean {
    return this.clock.opening !== undefined
  }

  /** Withdraws the announcement if possible. This process must end the handover then. */
  withdraw(withinMs: number): Promise<Withdrawal> {
    return this.clock.withdraw(withinMs)
  }

  /** The hosts of the previous placement that this process may dial. */
  get dialled(): readonly Host[] {
    return this.from.hosts.filter((host) => !this.isStranger(host))
  }

  /** Returns the host of a key in the previous placement; undefined if the key does not move. */
  previousHomeOf(routeKey: string): Host | undefined {
    const { from } = this
    if (!from.isRenamed) {
      const home = from.homeOf(routeKey)
      return home === this.owner.routes.list.homeOf(routeKey) ? undefined : home
    }
    return from.homeOf(from.rename(routeKey, routeKey)[0])
  }

  /**
   * Returns the previous home of a key that moves, or that has another fallback host in the new
   * placement while its home is out; undefined for other keys.
   */
  formerHomeOf(routeKey: string): Host | undefined {
    const previous = this.previousHomeOf(routeKey)
    if (previous !== undefined || this.from.isRenamed || !this.owner.routes.hasStandIns)
      return previous
    if (this.from.places.isWhole) return undefined
    const isSame = this.servingHostOf(routeKey) === this.owner.newHostFor(routeKey)
    return isSame ? undefined : this.from.homeOf(routeKey)
  }

  /** Returns the host that serves a key in the previous placement; undefined if none can. */
  servingHostOf(routeKey: string): Host | undefined {
    return this.owner.routes.hostIn(this.from.places, routeKey)
  }

  /** Returns the host in the previous placement that gets the changes of a key now. */
  previousHostOf(
    routeKey: string,
    previous: Host | undefined = this.formerHomeOf(routeKey),
  ): Host | undefined {
    if (this.from.places.isWhole) return previous
    if (previous === undefined || !this.isServed(routeKey, previous)) return previous
    return this.servingHostOf(routeKey)
  }

  /** Returns the host that is read in the previous placement; undefined if none is any more. */
  readHomeOf(routeKey: string): Host | undefined {
    const previous = this.formerHomeOf(routeKey)
    if (previous === undefined || this.isStranger(previous)) return undefined
    return this.phaseFor(routeKey, previous) === 'announce'
      ? this.previousHostOf(routeKey, previous)
      : undefined
  }

  /** Returns the phase of one key: reads use its new host only after that has been cleared. */
  phaseFor(routeKey: string, previous: Host): Phase | undefined {
    const { phase } = this
    if (phase === undefined) return undefined
    if (this.isServed(routeKey, previous)) return 'announce'
    if (this.#isOut(previous)) return 'settle'
    const home = this.owner.routes.list.homeOf(routeKey)
    if (phase === 'move' && this.clock.leftovers?.isClear(home) !== true) return 'announce'
    return phase
  }

  /**
   * Whether a key is used in the previous placement only, with its fallback hosts, as processes do
   * that have not heard of the change.
   */
  isServed(routeKey: string, previous: Host): boolean {
    if (!this.isServing || this.phase !== 'announce' || this.#gone.has(previous)) return false
    return this.from.places.isWhole || this.servingHostOf(routeKey) !== undefined
  }

  /**
   * Returns the host of a moving key that reads do not use, but that may have the item if they
   * miss.
   */
  otherHomeOf(routeKey: string): { readonly host: Host; readonly isPrevious: boolean } | undefined {
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined || this.isStranger(previous)) return undefined
    if (this.isOpening) return undefined
    const phase = this.phaseFor(routeKey, previous)
    if (phase === 'move') return { host: previous, isPrevious: true }
    const home = this.owner.routes.list.homeOf(routeKey)
    if (phase !== 'announce' || !home.usable || this.mayHaveLeftovers(home)) return undefined
    return home === this.previousHostOf(routeKey, previous)
      ? undefined
      : { host: home, isPrevious: false }
  }

  /** Whether changes of a key must reach both its previous and its new host. */
  isMoving(routeKey: string): boolean {
    return this.formerHomeOf(routeKey) !== undefined
  }

  /**
   * Whether a request is sent to the previous host of its key as such, and not as the replacement
   * of a new host that is down and misses it.
   */
  isAtPrevious(host: Host, { routeKey, binding }: Request): boolean {
    if (binding === 'previous' || binding === 'new') return binding === 'previous'
    if (routeKey === undefined || this.previousHomeOf(routeKey) !== host) return false
    return binding !== 'before' && !this.isServed(routeKey, host)
  }

  /** Records that a host of the placements has become usable or unusable. */
  hostChanged(host: Host): void {
    const { hosts, places } = this.from
    if (!hosts.includes(host)) return
    places.update()
    if (!host.isEjected || this.isOpening) return
    this.#missed.add(host)
    if (places.isEmpty) this.#gone.add(host)
  }

  hostFor(routeKey: string): Host | undefined {
    return this.owner.newHostFor(routeKey)
  }

  newHomeOf(routeKey: string): Host {
    return this.owner.routes.list.homeOf(routeKey)
  }

  rename(routeKey: string, wireKey: string): readonly [string, string] {
    return this.from.rename(routeKey, wireKey)
  }

  mayHaveLeftovers(host: Host): boolean {
    return this.owner.hosts.includes(host) && this.clock.leftovers?.isClear(host) === false
  }

  /**
   * Deletes an old item of a key on its new host, before a command that would give it a new CAS id:
   * it would count as newer than the handover then.
   */
  async clearNew(routeKey: string, wireKey: string): Promise<void> {
    const { opening } = this.clock
    // While no host can be reached it stays open, and the command then fails by itself.
    if (opening !== undefined) await settledWithin(this.owner.policy.requestTimeoutMs, opening)
    const host = this.hostFor(routeKey)
    if (host === undefined || !this.mayHaveLeftovers(host)) return
    await this.clear(host, { routeKey, wireKey, b: false })
  }

  async clear(host: Host, key: WireKey): Promise<void> {
    await this.clock.leftovers?.clear(host, key)
  }

  /** Whether this process may not dial some of the previous hosts. */
  protected get hasStrangers(): boolean {
    return this.owner.routes.hasStandIns && this.input.strangers.size > 0
  }

  protected isStranger(previous: Host): boolean {
    return this.input.strangers.has(previous)
  }

  /** Whether the previous hosts have all changes that were made during the announcement. */
  #mayGoBack(isAlone: boolean): boolean {
    return this.from.hosts.every((host) => {
      const hasAll = this.isServing ? !this.#gone.has(host) : !this.#isOut(host)
      if (hasAll || isProcessGone(host)) return true
      return isAlone && host.usable && host.debts.isEmpty
    })
  }

  #isOut(previous: Host): boolean {
    if (previous.isEjected && !this.isOpening) this.#missed.add(previous)
    return this.#missed.has(previous) || !previous.usable || this.clock.isLate(previous)
  }

  /**
   * Records that a previous host was down. If no other host served its keys instead, this process
   * never reads it again.
   */
  protected noteOut(previous: Host, isServed: boolean): void {
    this.#missed.add(previous)
    if (!isServed) this.#gone.add(previous)
  }
}
