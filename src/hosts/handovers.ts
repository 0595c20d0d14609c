import { MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import { createRing } from '../ring/ring.ts'
import { identityOf } from './address.ts'
import { Handover, type HandoverOwner, type HandoverStart } from './handover.ts'
import { forgetMark } from './handover-mark.ts'
import { Host } from './host.ts'
import type { HostOwner } from './host-owner.ts'
import { type Places, placementOfPolicy } from './places.ts'
import { type HandoverChange, type PreviousPlacement, PreviousPlaces } from './previous-places.ts'

/** What handovers ask of their cluster. */
type Owner = HandoverOwner & HostOwner<Host>

/** The handover under way, and the one before, whose end may have to be kept in mind. */
export class Handovers {
  readonly #owner: Owner
  current: Handover | undefined
  #last: Handover | undefined

  constructor(owner: Owner) {
    this.#owner = owner
  }

  /**
   * Hands over from the placement before, if that is what the change asks for. `leaving` are hosts
   * that only the one before has.
   */
  follow(
    before: Places,
    after: Places,
    change: HandoverChange | undefined,
    leaving: readonly Host[],
  ): boolean {
    for (const host of leaving) host.index = -1
    const isHandedOver = change !== undefined && !before.isLike(after)
    if (isHandedOver) {
      const from = new PreviousPlaces(before.hosts, before.ring)
      const placements = { from: before.placement, to: after.placement }
      this.#begin({ ...change, from, placements, leaving })
    } else {
      if (!before.isLike(after)) this.#forget(before)
      retire(leaving)
    }
    return isHandedOver
  }

  /** The fleet left this placement without a handover: the way back to it is a new one. */
  #forget({ hosts, placement }: Places): void {
    const reached = hosts.filter(({ isConnected }) => isConnected)
    void forgetMark(reached, placement, (host, request) => {
      this.#owner.dispatchTo(host, request as Request)
      return request.promise
    })
  }

  #begin(input: HandoverStart): void {
    const handoverEnded = (handover: Handover): void => {
      if (this.current === handover) this.current = undefined
      retire(input.leaving)
    }
    this.current = new Handover(this.#owner, input, handoverEnded)
    this.#last = this.current
  }

  /** Begins one from a placement that was none of this client's. */
  beginFrom({ servers, options, rename, change }: PreviousPlacement, to: string): void {
    retire(this.end())
    const known = new Map(this.#owner.hosts.map((host) => [identityOf(host.server), host]))
    const hosts = servers.map(
      (server) => known.get(identityOf(server)) ?? new Host(this.#owner, server),
    )
    const from = new PreviousPlaces(hosts, createRing(servers, options), rename)
    const placements = { from: placementOfPolicy(servers, options), to }
    this.#begin({ ...change, from, placements, leaving: hosts.filter(({ index }) => index < 0) })
  }

  /** Ends what is under way. Returns the hosts that only that needed. */
  end(): readonly Host[] {
    this.#last?.end()
    const leaving = this.current?.end() ?? []
    this.current = undefined
    return leaving
  }
}

/** Lets hosts finish what they have. */
function retire(hosts: readonly Host[]): void {
  for (const host of hosts) {
    host.drain(new MintringError('MINTRING_CLOSED', `${host.name} left`, { host: host.name }))
  }
}
