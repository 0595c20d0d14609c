import { settledWithin } from '../deadline.ts'
import { systemCodeOf } from '../errors.ts'
import type { Request } from '../net/request.ts'
import type { HomeName, Phase } from '../ring/transition.ts'
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

/** What a handover needs from its cluster. */
export interface HandoverOwner {
  readonly hosts: readonly Host[]
  /** Everything that determines the placement of keys, as one text. */
  readonly placement: string
  readonly policy: ClusterPolicy
  readonly hooks: ClusterHooks
  homeOf(routeKey: string): Host
  /** Returns the host of a key in the new placement; undefined if none is available. */
  newHostFor(routeKey: string): Host | undefined
  /** Sends a request to one host, without a fallback. */
  dispatchTo(host: Host, request: Request): void
  /** Does the same, without a retry. */
  send(host: Host, request: Request): void
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
  /** Previous hosts that were down at some time, and are never read again. */
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
    this.#back = input.fromServers
    this.clock = new HandoverClock({
      ...input,
      withinMs: owner.policy.connectTimeoutMs + owner.policy.requestTimeoutMs,
      waitMs: Math.min(owner.policy.connectTimeoutMs, owner.policy.requestTimeoutMs / 4),
      hosts: [...new Set([...hosts, ...this.dialled])],
      previous: this.dialled,
      receiving: homesOf((key) => this.previousHomeOf(key) && owner.homeOf(key), hosts.length),
      earlier: new Earlier(input, this.from, owner.policy, (routeKey, host) => {
        return owner.homeOf(routeKey) === host && this.isMoving(routeKey)
      }),
      ask: (host, request) => {
        request.bounds = { timeoutMs: owner.policy.requestTimeoutMs }
        owner.dispatchTo(host, request as Request)
        return request.promise
      },
      mayGoBack: (isAlone) => this.#mayGoBack(isAlone),
      onPhase: (phase, isNew) => this.phaseChanged(phase, isNew),
    })
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
      return home === this.owner.homeOf(routeKey) ? undefined : home
    }
    return from.homeOf(from.rename(routeKey, routeKey)[0])
  }

  /** Returns the previous host of a key while reads still use it; undefined afterwards. */
  readHomeOf(routeKey: string): Host | undefined {
    const previous = this.previousHomeOf(routeKey)
    if (previous === undefined || this.isStranger(previous)) return undefined
    return this.phaseFor(routeKey, previous) === 'announce' ? previous : undefined
  }

  /** Returns the phase of one key: reads use its new host only after that has been cleared. */
  phaseFor(routeKey: string, previous: Host): Phase | undefined {
    const { phase } = this
    if (phase === undefined) return undefined
    if (this.#isOut(previous)) return 'settle'
    const home = this.owner.homeOf(routeKey)
    if (phase === 'move' && this.clock.leftovers?.isClear(home) !== true) return 'announce'
    return phase
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
    const home = this.owner.newHostFor(routeKey)
    if (phase !== 'announce' || home === undefined || this.mayHaveLeftovers(home)) return undefined
    return { host: home, isPrevious: false }
  }

  /** Whether changes of a key must reach both its previous and its new host. */
  isMoving(routeKey: string): boolean {
    return this.previousHomeOf(routeKey) !== undefined
  }

  /**
   * Whether a request is sent to the previous host of its key as such, and not as the replacement
   * of a new host that is down and misses it.
   */
  isAtPrevious(host: Host, { routeKey, binding }: Request): boolean {
    if (binding === 'previous' || binding === 'new') return binding === 'previous'
    return routeKey !== undefined && this.previousHomeOf(routeKey) === host
  }

  /** Records that a host of the placements has become usable or unusable. */
  hostChanged(host: Host): void {
    if (host.isEjected && !this.isOpening && this.from.hosts.includes(host)) this.#gone.add(host)
  }

  hostFor(routeKey: string): Host | undefined {
    return this.owner.newHostFor(routeKey)
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

  protected isStranger(previous: Host): boolean {
    return this.input.strangers.has(previous)
  }

  /** Whether the previous hosts have all changes that were made during the announcement. */
  #mayGoBack(isAlone: boolean): boolean {
    return this.from.hosts.every((host) => {
      if (!this.#isOut(host) || isLost(host)) return true
      return isAlone && host.usable && host.debts.isEmpty
    })
  }

  #isOut(previous: Host): boolean {
    this.hostChanged(previous)
    return this.#gone.has(previous) || !previous.usable || this.clock.isLate(previous)
  }

  /** Records that a previous host was down, so that this process never reads it again. */
  protected noteGone(previous: Host): void {
    this.#gone.add(previous)
  }
}

/** Whether a host refuses connections: its process is gone, and with it the items. */
function isLost({ usable, lastError }: Host): boolean {
  return !usable && systemCodeOf(lastError?.cause) === 'ECONNREFUSED'
}
