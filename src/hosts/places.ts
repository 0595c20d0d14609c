import { MintringError, reasonsOf } from '../errors.ts'
import type { RingOptions } from '../ring/options.ts'
import { createRing, type Ring, type Location as RingLocation } from '../ring/ring.ts'
import { identityOf, type ServerAddress } from './address.ts'
import type { Host } from './host.ts'
import type { ClusterPolicy } from './policy.ts'

/** The placement of a key, and its reason; the result of `locate(key)`. */
export interface Location {
  /** The name of the key's host in the full ring. */
  readonly server: string
  /** The key's hash, unsigned 32-bit. */
  readonly hash: number
  /** The deciding point on the continuum; undefined for distributions without points. */
  readonly point: number | undefined
  /** Whether that host is ejected. */
  readonly ejected: boolean
  /** The name of the fallback host while it is ejected; undefined if there is none. */
  readonly fallback: string | undefined
}

const MAX_REBUILT_RINGS = 16

/**
 * Determines the host of each key: the ring over all hosts, which hosts are usable, and for
 * `ejection: 'rebuild'` the rings over the remaining hosts.
 */
export class Places {
  readonly hosts: readonly Host[]
  /** The servers of the hosts, with the weights that they have in this ring. */
  readonly servers: readonly ServerAddress[]
  readonly ring: Ring<ServerAddress>
  readonly #isRebuilding: boolean
  /** Everything that determines the placement of keys, as one text. */
  readonly placement: string
  readonly #rebuilt = new Map<string, Ring<ServerAddress>>()
  /** The full ring, or the ring over the hosts that are not ejected. */
  #current: Ring<ServerAddress>
  readonly #usable: Uint8Array
  readonly #inRing: Uint8Array
  #isWhole = true

  /** `options` place the keys, if they differ from the policy. */
  constructor(
    hosts: readonly Host[],
    policy: ClusterPolicy,
    servers: readonly ServerAddress[] = hosts.map((host) => host.server),
    options: RingOptions = policy,
  ) {
    this.hosts = hosts
    this.servers = servers
    this.ring = createRing(servers, options)
    this.#current = this.ring
    this.placement = placementOfPolicy(servers, options)
    this.#isRebuilding = policy.ejection === 'rebuild'
    this.#usable = new Uint8Array(hosts.length)
    this.#inRing = new Uint8Array(hosts.length)
    this.update()
  }

  /** Whether all hosts are ejected. */
  get isEmpty(): boolean {
    return !this.#inRing.includes(1)
  }

  /** Whether this placement and another one put every key on the same host. */
  isLike(other: Places): boolean {
    return this.placement === other.placement
  }

  /** Whether every host is usable, so that every key goes to its own host. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Updates which hosts are usable and in the ring. */
  update(): void {
    this.hosts.forEach((host, index) => {
      this.#usable[index] = host.usable ? 1 : 0
      this.#inRing[index] = host.isEjected ? 0 : 1
    })
    this.#isWhole = !this.#usable.includes(0)
    if (this.#isRebuilding) this.#current = this.#ringOver(this.#inRing)
  }

  /** Returns the host of a key if it is usable. Hot path. */
  find(routeKey: string): Host | undefined {
    const index = this.hosts.length === 1 ? 0 : this.#current.indexOf(routeKey)
    return this.#usable[index] === 1 ? this.hosts[index] : undefined
  }

  /** Returns the host of a key in the full ring. */
  homeOf(routeKey: string): Host {
    return this.hosts[this.ring.indexOf(routeKey)]!
  }

  /** Returns the host of a key in the current ring, usable or not. */
  ownerOf(routeKey: string): Host {
    return this.hosts[this.#current.indexOf(routeKey)]!
  }

  /** Returns the fallback host of a key: usable, and not `excluded`. */
  fallback(routeKey: string, excluded: Host | undefined): Host | undefined {
    const live = this.#usable.slice()
    const out = excluded === undefined ? -1 : this.hosts.indexOf(excluded)
    if (out >= 0) live[out] = 0
    if (!live.includes(1)) return undefined
    return this.hosts[this.#indexAmong(live, routeKey)]
  }

  /** Returns the fallback host of a key while only its own host is out. */
  standInOf(routeKey: string, home: Host): Host | undefined {
    const index = this.hosts.indexOf(home)
    if (this.hosts.length < 2 || index < 0) return undefined
    const live = new Uint8Array(this.hosts.length).fill(1)
    live[index] = 0
    return this.hosts[this.#indexAmong(live, routeKey)]
  }

  #indexAmong(live: Uint8Array, routeKey: string): number {
    return this.#isRebuilding
      ? this.#ringOver(live).indexOf(routeKey)
      : this.ring.indexOfLive(routeKey, live)
  }

  /** Returns the error for requests while every host is ejected. */
  nowhere(): MintringError {
    const failed = this.hosts.filter((host) => host.lastError !== undefined)
    failed.sort((a, b) => b.lastErrorMs - a.lastErrorMs)
    const reasons = reasonsOf(
      failed.map((host) => host.lastError!),
      this.hosts.length,
    )
    const what = this.hosts.length === 1 ? 'The only host is down' : 'Every host is down'
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

/** Returns everything that determines the placement of keys, as one text. */
export function placementOfPolicy(list: readonly ServerAddress[], policy: RingOptions): string {
  const servers = list.map((server) => [identityOf(server), server.weight])
  const { distribution, hash, hashTag, weighted, serverOrder, pointHash } = policy
  const { labelFormat, vnodes, replicas, tableSize } = policy
  const ring = [distribution, hash, hashTag, weighted, serverOrder, pointHash]
  return JSON.stringify([servers, ...ring, labelFormat, vnodes, replicas, tableSize])
}
