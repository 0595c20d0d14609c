import type { Request } from '../net/request.ts'
import { createRing, type Ring } from '../ring/ring.ts'
import { settleMsOf } from '../ring/transition.ts'
import { performance } from '../runtime.ts'
import { addressOf, type ServerAddress } from './address.ts'
import type { Host } from './host.ts'
import { type KeyGate, refuseKey } from './key-gate.ts'
import { type KnownPlacement, type Mark, markKeyFor } from './mark.ts'
import { movedOn } from './next-step.ts'

/** A placement to which the fleet has moved. */
interface Next {
  readonly ring: Ring<ServerAddress>
  readonly addresses: readonly string[]
  /** The key of the mark that tells whether the fleet has moved on from there. */
  readonly markKey: string
  /** When values may move there, on the clock of `performance.now()`. */
  readonly movesAtMs: number
}

/**
 * Guards a process whose list of servers the fleet has left: it started with the old list, or
 * learned of the list too late. Other processes change keys that have moved only on their new
 * hosts, which this process does not use. So reads of such keys miss, and changes reject.
 */
export class Outdated implements KeyGate {
  readonly #homeOf: (routeKey: string) => Host
  readonly #next = new Map<string, Next>()
  /** Hosts that were lost since: other processes may use the next hosts of their keys already. */
  readonly #lost = new Set<Host>()

  constructor(homeOf: (routeKey: string) => Host) {
    this.#homeOf = homeOf
  }

  /** Adds a placement to which the fleet has moved. */
  add(mark: Mark, { servers, options }: KnownPlacement, leftMs: number): void {
    const announcedMs = leftMs - mark.handoverMs
    // Commands that were sent before end before values move, and clocks may differ.
    const marginMs = settleMsOf({ announceMs: 0, handoverMs: mark.announceMs })
    this.#next.set(mark.id, {
      ring: createRing(servers, options),
      addresses: servers.map(addressOf),
      markKey: markKeyFor(mark.nextDigest!),
      movesAtMs: performance.now() + Math.max(0, announcedMs - marginMs),
    })
  }

  /** Whether it is one of these changes that made the list outdated. */
  has(id: string): boolean {
    return this.#next.has(id)
  }

  /** Records that all connections to a host were lost. Returns whether that is new. */
  lose(host: Host): boolean {
    const isNew = !this.#lost.has(host)
    this.#lost.add(host)
    return isNew
  }

  /** The keys of the marks that tell of later changes. */
  get markKeys(): readonly string[] {
    return [...this.#next.values()].map(({ markKey }) => markKey)
  }

  take(request: Request): boolean {
    const { routeKey } = request
    if (routeKey === undefined || request.settled) return false
    const next = this.#movedTo(routeKey)
    if (next === undefined) return false
    refuseKey(request, movedOn(this.#homeOf(routeKey).name, next.addresses))
    return true
  }

  isMoving(routeKey: string): boolean {
    return this.#movedTo(routeKey) !== undefined
  }

  #movedTo(routeKey: string): Next | undefined {
    const host = this.#homeOf(routeKey)
    const home = addressOf(host.server)
    for (const next of this.#next.values()) {
      if (performance.now() < next.movesAtMs && !this.#lost.has(host)) continue
      if (next.addresses[next.ring.indexOf(routeKey)] !== home) return next
    }
    return undefined
  }
}
