import { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import { createRing } from '../ring/ring.ts'
import { identityOf } from './address.ts'
import { each } from './each.ts'
import { Handover, type HandoverOwner, type HandoverStart } from './handover.ts'
import { forgetMark, type Withdrawal } from './handover-mark.ts'
import { Host } from './host.ts'
import type { HostOwner } from './host-owner.ts'
import { getsItem, ownItem, peek } from './item-commands.ts'
import { leftMsOf, type MarkItem, markIn, markKeyOf, namedPlacement, placementIn } from './mark.ts'
import { overtaken } from './next-step.ts'
import { type Places, placementOfPolicy } from './places.ts'
import { type HandoverChange, type PreviousPlacement, PreviousPlaces } from './previous-places.ts'

/** The parts of the cluster that handovers use. */
type Owner = HandoverOwner & HostOwner<Host>

/** The current handover, and the last one, which may still have a mark to renew. */
export class Handovers {
  readonly #owner: Owner
  current: Handover | undefined
  #last: Handover | undefined
  #joining: HandoverChange | undefined
  #marks = { placement: '', key: '' }
  /** Hosts whose last handshake found no meta commands. */
  readonly #classic = new Set<Host>()
  /** Placements for which some hosts may still have the mark of a handover. */
  readonly #marked = new Set<string>()

  constructor(owner: Owner) {
    this.#owner = owner
  }

  /**
   * Returns the name under which a key is read now. While a change of the names is announced, that
   * is the previous name.
   */
  nameOf(routeKey: string, wireKey: string): string {
    const { current } = this
    if (current?.readHomeOf(routeKey) === undefined) return wireKey
    return current.rename(routeKey, wireKey)[1]
  }

  /** The options for joining handovers that another process started; undefined: join none. */
  set joining(change: HandoverChange | undefined) {
    this.#joining = change
    this.#look()
  }

  /**
   * The mark's key of a handover to the current placement; undefined while this process is in one.
   */
  get markKey(): string | undefined {
    if (this.#joining === undefined || this.current !== undefined) return undefined
    const placement = this.#placement
    if (this.#marks.placement !== placement) this.#marks = { placement, key: markKeyOf(placement) }
    return this.#marks.key
  }

  /** Whether this client has had a handover, so that a CAS id may have the bit of the new host. */
  get hasBegun(): boolean {
    return this.#last !== undefined
  }

  get #placement(): string {
    const { hosts, policy } = this.#owner
    return placementOfPolicy(
      hosts.map(({ server }) => server),
      policy,
    )
  }

  /** Looks for the mark on hosts that were connected before this placement. */
  #look(): void {
    const { markKey: wireKey } = this
    if (wireKey === undefined) return
    const key = ownItem(wireKey)
    const connected = this.#owner.hosts.filter(({ isConnected }) => isConnected)
    void each(connected, async (host) => {
      const request = host.abilities?.meta === true ? peek(key) : getsItem(key)
      this.#owner.dispatchTo(host, request as Request)
      const item = await request.promise
      if (item !== undefined && wireKey === this.markKey) this.#found(item)
    })
  }

  /**
   * Closes a connection that found a mark: its queued requests do not know of the handover, and are
   * resent through it.
   */
  closed(host: Host, lane: Lane, item: MarkItem | undefined): boolean {
    if (item === undefined || !this.#found(item)) return false
    lane.close(overtaken(host.name))
    host.openLane()
    return true
  }

  greeted(host: Host, { meta }: Abilities): void {
    if (meta) this.#classic.delete(host)
    else this.#classic.add(host)
  }

  /** Whether a host that may have keys, now or before the handover, has no meta commands. */
  get hasClassicHost(): boolean {
    for (const host of this.#classic) {
      if (host.index >= 0 || this.current?.from.hosts.includes(host) === true) return true
    }
    return false
  }

  /** Joins the handover of a mark if it is still running. Returns whether there is one. */
  #found(item: MarkItem): boolean {
    if (this.current !== undefined) return true
    const mark = markIn(item)
    const joining = this.#joining
    if (joining === undefined || mark === undefined) return false
    const { hosts, policy } = this.#owner
    const placement = this.#placement
    this.#marked.add(placement)
    if (leftMsOf(item, mark) <= 0) return false
    const own = hosts.map(({ server }) => server)
    const isOpen = [policy, ...own].every(({ username }) => username === undefined)
    const known = placementIn(mark.previous, own, isOpen)
    if (known === undefined) return false
    const { announceMs, handoverMs } = mark
    const change = { ...joining, isConfigured: false, times: { announceMs, handoverMs } }
    this.beginFrom({ ...known, rename: undefined, change }, mark.id)
    for (const host of hosts) {
      host.giveBack(overtaken(host.name))
      if (host.usable) host.openLane()
    }
    return true
  }

  /**
   * Starts the handover from the previous placement if the change asks for one. `leaving` are the
   * hosts that only the previous placement has.
   */
  follow(
    before: Places,
    after: Places,
    change: HandoverChange | undefined,
    leaving: readonly Host[],
  ): boolean {
    for (const host of leaving) host.leave()
    const isHandedOver = change !== undefined && !before.isLike(after)
    if (isHandedOver) {
      const from = new PreviousPlaces(before.hosts, before.ring)
      const servers = before.hosts.map(({ server }) => server)
      const named = namedPlacement(before.placement, servers, this.#owner.policy)
      const placements = { from: named, to: after.placement }
      const part = { isBystander: false }
      this.#begin({ ...change, from, placements, leaving, strangers: new Set(), part })
    } else {
      if (!before.isLike(after)) this.#forget(before)
      retire(leaving)
    }
    return isHandedOver
  }

  /**
   * Deletes the mark of a placement that the fleet left without a handover, so that moving back
   * starts a new one.
   */
  #forget({ hosts, placement }: Places): void {
    if (this.#marked.delete(placement)) this.#forgetOn(hosts, placement)
  }

  #forgetOn(hosts: readonly Host[], placement: string): void {
    const reached = hosts.filter(({ isConnected }) => isConnected)
    void forgetMark(reached, placement, (host, request) => {
      this.#owner.dispatchTo(host, request as Request)
      return request.promise
    })
  }

  #begin(input: HandoverStart): void {
    const handoverEnded = (handover: Handover): void => {
      if (this.current === handover) this.current = undefined
      // Delete the mark on hosts that leave: no process of the new placement looks there. If they
      // join again later, an old mark would say that the handover to this placement is over.
      this.#forgetOn(input.leaving, input.placements.to)
      retire(input.leaving)
    }
    this.#marked.add(input.placements.to)
    this.current = new Handover(this.#owner, input, handoverEnded)
    this.#last = this.current
  }

  /**
   * Starts a handover from a placement that this client never had. `joinedId`: the handover that it
   * found and joins.
   */
  beginFrom(
    { servers, strangers, options, rename, names, change }: PreviousPlacement,
    joinedId?: string,
  ): void {
    retire(this.end())
    const to = this.#placement + (names?.now ?? '')
    const text = placementOfPolicy(servers, options) + (names?.before ?? '')
    // The previous placement is the current one: nothing moves.
    if (text === to) return
    const known = new Map(this.#owner.hosts.map((host) => [identityOf(host.server), host]))
    const hosts = servers.map(
      (server) => known.get(identityOf(server)) ?? new Host(this.#owner, server),
    )
    const from = new PreviousPlaces(hosts, createRing(servers, options), rename)
    const named = namedPlacement(text, servers, options)
    const placements = { from: rename === undefined ? named : { ...named, record: undefined }, to }
    this.#begin({
      ...{ ...change, from, placements },
      leaving: hosts.filter(({ index }) => index < 0),
      strangers: new Set(hosts.filter((_, place) => strangers?.has(servers[place]!))),
      part: { joinedId, isBystander: servers.every((server) => strangers?.has(server)) },
    })
  }

  /**
   * Withdraws what this process announced, before it ends: with the mark of a handover that no
   * process will carry out, other processes could not change keys that move.
   */
  async withdraw(withinMs: number): Promise<Withdrawal> {
    return this.current?.clock.withdraw(withinMs) ?? 'none'
  }

  /** Ends the current handover, and joins none that a connection finds later. */
  close(): readonly Host[] {
    this.#joining = undefined
    return this.end()
  }

  /** Ends the current handover. Returns the hosts that only it needed. */
  end(): readonly Host[] {
    this.#last?.end()
    const leaving = this.current?.end() ?? []
    this.current = undefined
    return leaving
  }
}

/** Closes hosts after they have finished their requests. */
function retire(hosts: readonly Host[]): void {
  for (const host of hosts) {
    host.drain(new MintringError('MINTRING_CLOSED', `${host.name} left`, { host: host.name }))
  }
}
