import { settledWithin } from '../deadline.ts'
import type { MintringError } from '../errors.ts'
import type { Abilities } from '../net/abilities.ts'
import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import { clearInterval, performance, setInterval, unixMs } from '../runtime.ts'
import { addressOf, identityOf } from './address.ts'
import { each } from './each.ts'
import { Handover } from './handover.ts'
import { forgetMark, type Withdrawal } from './handover-mark.ts'
import { Host } from './host.ts'
import type { HostOwner } from './host-owner.ts'
import { getsItem, ownItem, peek } from './item-commands.ts'
import { type KeyGate, takeBack } from './key-gate.ts'
import {
  type KnownPlacement,
  leftMsOf,
  type Mark,
  type MarkItem,
  markIn,
  markKeyOf,
  namedPlacement,
  placementIn,
} from './mark.ts'
import type { HandoverOwner, HandoverStart } from './moving-keys.ts'
import { departed, overtaken } from './next-step.ts'
import { Outdated } from './outdated.ts'
import { Places, placementOfPolicy } from './places.ts'
import { type HandoverChange, type PreviousPlacement, PreviousPlaces } from './previous-places.ts'

/** How often a process with an outdated list looks whether the fleet has come back to it. */
const LOOK_MS = 2_000
/** How many hosts are asked for a mark that another host may have lost. */
const ELSEWHERE = 3

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
  /** When the first of a host's present connections was opened. */
  readonly #connectedMs = new WeakMap<Host, number>()
  /** When a host's last handshake found no mark, or a late one, in Unix milliseconds. */
  readonly #unmarkedMs = new WeakMap<Host, number>()
  /** Placements for which some hosts may still have the mark of a handover. */
  readonly #marked = new Set<string>()
  /** Set while the fleet uses another list than this process. */
  #outdated: Outdated | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the fleet last came to the placement of this process, in Unix milliseconds. */
  #arrivedAtMs = 0

  constructor(owner: Owner) {
    this.#owner = owner
    // As in net/shapes.ts: all requests read these fields.
    this.current = undefined
    this.#outdated = undefined
  }

  /** Takes over requests: the current handover, or the guard of an outdated list. */
  get gate(): KeyGate | undefined {
    return this.current ?? this.#outdated
  }

  takeBack(request: Request, error: MintringError): boolean {
    return this.gate !== undefined && takeBack(this.gate, request, error)
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
    const { placement } = this.#owner
    if (this.#marks.placement !== placement) this.#marks = { placement, key: markKeyOf(placement) }
    return this.#marks.key
  }

  /** Whether this client has had a handover, so that a CAS id may have the bit of the new host. */
  get hasBegun(): boolean {
    return this.#last !== undefined
  }

  /** Looks for marks on hosts that are connected already. */
  #look(): void {
    const { markKey } = this
    if (markKey === undefined) return
    const connected = this.#owner.hosts.filter(({ isConnected }) => isConnected)
    void this.#lookFor(markKey, connected, (items) => {
      for (const item of items) this.#found(item)
      const isLeft = items.some((item) => markIn(item)?.next !== undefined)
      if (!isLeft) this.#useListAgain()
    })
    for (const key of this.#outdated?.markKeys ?? []) {
      void this.#lookFor(key, connected, (items) => {
        for (const item of items) this.#foundDeparture(item)
      })
    }
  }

  /** Passes the items that hosts have under a key. Does not if none of them replies. */
  async #lookFor(
    wireKey: string,
    hosts: readonly Host[],
    found: (items: readonly MarkItem[]) => void,
  ): Promise<void> {
    const { markKey } = this
    const key = ownItem(wireKey)
    const replies: (MarkItem | undefined)[] = []
    await each(hosts, async (host) => {
      const request = host.abilities?.meta === true ? peek(key) : getsItem(key)
      this.#owner.dispatchTo(host, request as Request)
      replies.push(await request.promise)
    })
    if (replies.length > 0 && markKey === this.markKey)
      found(replies.filter((item) => item !== undefined))
  }

  /**
   * Closes a connection that found a mark: its queued requests do not know of the handover, and are
   * resent through it.
   */
  closed(host: Host, lane: Lane, { meta }: Abilities, item: MarkItem | undefined): boolean {
    const isMarked = item !== undefined && markIn(item)?.isLate !== true
    if (isMarked) this.#unmarkedMs.delete(host)
    else if (this.markKey !== undefined) this.#unmarkedMs.set(host, unixMs())
    const isFound = item !== undefined && this.#found(item)
    if (!isMarked) this.#lose(host)
    if (isFound) {
      lane.close(overtaken(host.name))
      host.openLane()
      return true
    }
    if (meta) this.#classic.delete(host)
    else this.#classic.add(host)
    return false
  }

  /**
   * Looks on some other hosts whether the fleet is moving to another list, before a host is used
   * again whose connections were all lost. It may have been restarted without the mark, and
   * processes that know of the change do not read it any more.
   */
  lookElsewhere(host: Host): Promise<void> | undefined {
    const { markKey } = this
    this.#connectedMs.set(host, performance.now())
    if (markKey === undefined || host.epoch === 0) return undefined
    const others = this.#owner.hosts.filter((one) => one !== host && one.isConnected)
    const looking = this.#lookFor(markKey, others.slice(0, ELSEWHERE), (items) => {
      for (const item of items) this.#foundDeparture(item)
    })
    const withinMs = this.#owner.policy.connectTimeoutMs / 2
    return settledWithin(withinMs, looking).then(() => this.#lose(host))
  }

  /** Uses a host no more for keys that move: processes that know of the change may not, either. */
  #lose(host: Host): void {
    if (this.#outdated?.lose(host) === true) host.giveBack(overtaken(host.name))
  }

  /** Whether a host that may have keys, now or before the handover, has no meta commands. */
  get hasClassicHost(): boolean {
    for (const host of this.#classic) {
      if (host.index >= 0 || this.current?.from.hosts.includes(host) === true) return true
    }
    return false
  }

  /**
   * Joins the handover of a mark if it is still running. Returns whether requests must be sent
   * anew because of a change.
   */
  #found(item: MarkItem): boolean {
    if (this.current !== undefined) return true
    const mark = markIn(item)
    const joining = this.#joining
    if (joining === undefined || mark === undefined) return false
    if (mark.next !== undefined) return this.#foundDeparture(item)
    if (mark.startedAtMs > this.#arrivedAtMs) {
      this.#arrivedAtMs = mark.startedAtMs
      this.#useListAgain()
    }
    this.#marked.add(this.#owner.placement)
    if (leftMsOf(item, mark) <= 0) return false
    const known = this.#known(mark.previous)
    if (known === undefined) return false
    const { announceMs, handoverMs } = mark
    const change = { ...joining, isConfigured: false, times: { announceMs, handoverMs } }
    const isBegun = this.beginFrom({ ...known, rename: undefined, change }, mark.id)
    if (isBegun) this.#resend()
    return isBegun
  }

  #foundDeparture(item: MarkItem): boolean {
    const mark = markIn(item)
    return mark?.next !== undefined && this.#leftBehind(mark, leftMsOf(item, mark))
  }

  /** Guards keys that the fleet has moved to servers of another list. */
  #leftBehind(mark: Mark, leftMs: number): boolean {
    if (mark.startedAtMs <= this.#arrivedAtMs || this.#outdated?.has(mark.id) === true) return false
    const known = this.#known(mark.next)
    if (known === undefined) return false
    this.#outdated ??= new Outdated((routeKey) => this.#owner.routes.list.homeOf(routeKey))
    this.#outdated.add(mark, known, leftMs)
    // A host that was restarted since lacks the mark.
    for (const host of this.#owner.hosts)
      if (this.#unmarkedMs.get(host)! > mark.startedAtMs) this.#outdated.lose(host)
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref()
    const names = this.#owner.hosts.map(({ name }) => name)
    this.#owner.hooks.outdated?.(names, known.servers.map(addressOf))
    this.#resend()
    return true
  }

  #useListAgain(): void {
    this.#outdated = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #known(record: unknown): KnownPlacement | undefined {
    const own = this.#owner.routes.list.servers
    const isOpen = [this.#owner.policy, ...own].every(({ username }) => username === undefined)
    return placementIn(record, own, isOpen)
  }

  /** Sends requests again that were not sent yet, so that they pass the gate. */
  #resend(): void {
    for (const host of this.#owner.hosts) host.giveBack(overtaken(host.name))
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
    if (!before.isLike(after)) this.#useListAgain()
    const isHandedOver = change !== undefined && !before.isLike(after)
    if (isHandedOver) {
      const from = new PreviousPlaces(before)
      const { policy } = this.#owner
      const placements = {
        from: namedPlacement(before.placement, before.servers, policy),
        to: namedPlacement(after.placement, after.servers, policy),
      }
      const part = { isBystander: false }
      const fromServers = before.servers
      const strangers = new Set<Host>()
      this.#begin({ ...change, from, fromServers, placements, leaving, strangers, part })
    } else {
      if (!before.isLike(after)) this.#forget(before, after)
      retire(leaving)
    }
    return isHandedOver
  }

  /**
   * Deletes the mark of a placement that the fleet left without a handover, so that moving back
   * starts a new one, and the marks that tell of the way back.
   */
  #forget(before: Places, after: Places): void {
    if (this.hasBegun) this.#arrivedAtMs = unixMs()
    if (!this.#marked.delete(before.placement)) return
    this.#forgetOn(before.hosts, before.placement)
    this.#forgetOn([...new Set([...before.hosts, ...after.hosts])], after.placement)
  }

  #forgetOn(hosts: readonly Host[], placement: string): void {
    const reached = hosts.filter(({ isConnected }) => isConnected)
    void forgetMark(reached, placement, (host, request) => {
      this.#owner.dispatchTo(host, request as Request)
      return request.promise
    })
  }

  #begin(change: Omit<HandoverStart, 'connectedMs'>): void {
    const input = { ...change, connectedMs: (host: Host) => this.#connectedMs.get(host) }
    const handoverEnded = (handover: Handover): void => {
      const { back, departure } = handover
      const { reversed } = this.#owner.hooks
      if (back !== undefined && reversed !== undefined && this.current === handover) {
        this.#marked.delete(input.placements.to.text)
        reversed(back, handover.movesInMs)
        return
      }
      if (this.current === handover) {
        this.current = undefined
        this.#owner.routes.move()
      }
      if (departure !== undefined) this.#leftBehind(departure.mark, departure.leftMs)
      // Delete the mark on hosts that leave: no process of the new placement looks there. If they
      // join again later, an old mark would say that the handover to this placement is over.
      else this.#forgetOn(input.leaving, input.placements.to.text)
      retire(input.leaving)
    }
    this.#marked.add(input.placements.to.text)
    this.current = new Handover(this.#owner, input, handoverEnded)
    this.#last = this.current
  }

  /**
   * Starts a handover from a placement that this client never had. `joinedId`: the handover that it
   * found and joins. Returns false if that placement is the current one, so that nothing moves.
   */
  beginFrom(
    { servers, strangers, options, rename, names, change }: PreviousPlacement,
    joinedId?: string,
  ): boolean {
    retire(this.end())
    this.#owner.routes.move()
    this.#useListAgain()
    const to = this.#owner.placement + (names?.now ?? '')
    const text = placementOfPolicy(servers, options) + (names?.before ?? '')
    if (text === to) return false
    const known = new Map(this.#owner.hosts.map((host) => [identityOf(host.server), host]))
    const hosts = servers.map(
      (server) => known.get(identityOf(server)) ?? new Host(this.#owner, server),
    )
    const from = new PreviousPlaces(new Places(hosts, this.#owner.policy, servers, options), rename)
    const placements = {
      from: namedPlacement(text, servers, options),
      to: namedPlacement(to, this.#owner.routes.list.servers, this.#owner.policy),
    }
    // Processes of one placement could not use the other one, in which keys have other names.
    const unnamed = { from: { text, record: undefined }, to: { text: to, record: undefined } }
    this.#begin({
      ...{ ...change, from, placements: rename === undefined ? placements : unnamed },
      fromServers: undefined,
      leaving: hosts.filter(({ index }) => index < 0),
      strangers: new Set(hosts.filter((_, place) => strangers?.has(servers[place]!))),
      part: { joinedId, isBystander: servers.every((server) => strangers?.has(server)) },
    })
    return true
  }

  /**
   * Withdraws what this process announced, before it ends: with the mark of a handover that no
   * process will carry out, other processes could not change keys that move.
   */
  async withdraw(withinMs: number): Promise<Withdrawal> {
    return this.current?.withdraw(withinMs) ?? 'none'
  }

  /** Ends the current handover, and joins none that a connection finds later. */
  close(): readonly Host[] {
    this.#joining = undefined
    this.#useListAgain()
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
  for (const host of hosts) host.drain(departed(host.name))
}
