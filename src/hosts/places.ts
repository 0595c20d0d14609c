import { MintringError, reasonsOf } from '../errors.ts'
import type { RingOptions } from '../ring/options.ts'
import { createRing, type Ring, type Location as RingLocation } from '../ring/ring.ts'
import { identityOf, type ServerAddress } from './address.ts'
import type { Host } from './host.ts'
import type { ClusterPolicy } from './policy.ts'

/** Where a key lives and why: what `locate(key)` answers. */
export interface Location {
  /** The name of the key's host in the full ring. */
  readonly server: string
  /** The key's hash, unsigned 32-bit. */
  readonly hash: number
  /** The point on the continuum that decided; undefined for distributions without one. */
  readonly point: number | undefined
  /** That host is out. */
  readonly ejected: boolean
  /** The name of the host that has its keys while it is out; undefined when no host does. */
  readonly fallback: string | undefined
}

const MAX_REBUILT_RINGS = 16

/**
 * Where keys go: the ring over all hosts, which of them can be used, and for `ejection: 'rebuild'`
 * the rings over those that are left.
 */
export class Places {
  readonly hosts: readonly Host[]
  readonly ring: Ring<ServerAddress>
  readonly #isRebuilding: boolean
  /** What decides where keys live, in one string. */
  readonly placement: string
  readonly #rebuilt = new Map<string, Ring<ServerAddress>>()
  /** The full ring, or the one over the hosts that are not ejected. */
  #current: Ring<ServerAddress>
  readonly #usable: Uint8Array
  readonly #inRing: Uint8Array
  #isWhole = true

  constructor(hosts: readonly Host[], policy: ClusterPolicy) {
    this.hosts = hosts
    this.ring = createRing(
      hosts.map((host) => host.server),
      policy,
    )
    this.#current = this.ring
    this.placement = placementOfPolicy(
      hosts.map((host) => host.server),
      policy,
    )
    this.#isRebuilding = policy.ejection === 'rebuild'
    this.#usable = new Uint8Array(hosts.length)
    this.#inRing = new Uint8Array(hosts.length)
    hosts.forEach((host, index) => {
      host.index = index
    })
    this.update()
  }

  /** Whether no host is in the ring. */
  get isEmpty(): boolean {
    return !this.#inRing.includes(1)
  }

  /** Whether every key has the same home in both. */
  isLike(other: Places): boolean {
    return this.placement === other.placement
  }

  /** Whether every key goes to its home. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Takes note of what hosts can be used. */
  update(): void {
    this.hosts.forEach((host, index) => {
      this.#usable[index] = host.usable ? 1 : 0
      this.#inRing[index] = host.isEjected ? 0 : 1
    })
    this.#isWhole = !this.#usable.includes(0)
    if (this.#isRebuilding) this.#current = this.#ringOver(this.#inRing)
  }

  /** The host of the key if it can be used. The hot path. */
  find(routeKey: string): Host | undefined {
    const index = this.hosts.length === 1 ? 0 : this.#current.indexOf(routeKey)
    return this.#usable[index] === 1 ? this.hosts[index] : undefined
  }

  /** The host of the key in the full ring. */
  homeOf(routeKey: string): Host {
    return this.hosts[this.ring.indexOf(routeKey)]!
  }

  /** The host of the key in the ring in use, whether it can be used or not. */
  ownerOf(routeKey: string): Host {
    return this.hosts[this.#current.indexOf(routeKey)]!
  }

  /** Where the key goes when neither `excluded` nor what cannot be used may have it. */
  fallback(routeKey: string, excluded: Host | undefined): Host | undefined {
    const live = this.#usable.slice()
    if (excluded !== undefined && excluded.index >= 0) live[excluded.index] = 0
    if (!live.includes(1)) return undefined
    const index = this.#isRebuilding
      ? this.#ringOver(live).indexOf(routeKey)
      : this.ring.indexOfLive(routeKey, live)
    return index < 0 ? undefined : this.hosts[index]
  }

  /** What to say when every host is out. */
  nowhere(): MintringError {
    const failed = this.hosts.filter((host) => host.lastError !== undefined)
    failed.sort((a, b) => b.lastErrorMs - a.lastErrorMs)
    const reasons = reasonsOf(
      failed.map((host) => host.lastError!),
      this.hosts.length,
    )
    const what = this.hosts.length === 1 ? 'The only host is out' : 'Every host is out'
    const message = `${what}, and probed in the background: ${reasons}`
    return new MintringError('MINTRING_NO_HOSTS', message, { cause: failed[0]?.lastError })
  }

  locate(routeKey: string): RingLocation<ServerAddress> {
    return this.ring.locate(routeKey)
  }

  #ringOver(live: Uint8Array): Ring<ServerAddress> {
    if (!live.includes(0) || !live.includes(1)) return this.ring
    const name = live.join('')
    const known = this.#rebuilt.get(name)
    if (known !== undefined) return known
    const ring = this.ring.rebuiltOver(live)
    if (this.#rebuilt.size >= MAX_REBUILT_RINGS) this.#rebuilt.clear()
    this.#rebuilt.set(name, ring)
    return ring
  }
}

/** What decides where keys live, in one string. */
export function placementOfPolicy(list: readonly ServerAddress[], policy: RingOptions): string {
  const servers = list.map((server) => [identityOf(server), server.weight])
  const { distribution, hash, hashTag, weighted, serverOrder, pointHash } = policy
  const { labelFormat, vnodes, replicas, tableSize } = policy
  const ring = [distribution, hash, hashTag, weighted, serverOrder, pointHash]
  return JSON.stringify([servers, ...ring, labelFormat, vnodes, replicas, tableSize])
}
