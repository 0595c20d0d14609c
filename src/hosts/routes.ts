import type { MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import type { Host } from './host.ts'
import { type Location, Places } from './places.ts'
import type { ClusterPolicy } from './policy.ts'

/**
 * Which host serves a key. While a handover announces a new list, the previous places stay in use,
 * with their fallback hosts: processes that have not heard of the list use these.
 */
export class Routes {
  readonly #owner: { readonly policy: ClusterPolicy }
  /** The homes and fallback hosts of keys. */
  #inUse: Places
  /** The places of the server list while they are announced. */
  #next: Places | undefined
  /** The places before the current or last handover. */
  #before: Places | undefined
  #isWhole = false
  /** The hosts that replace hosts that are out, if `failover` has some. */
  gutter: Routes | undefined

  constructor(owner: { readonly policy: ClusterPolicy }, hosts: readonly Host[]) {
    this.#owner = owner
    this.#inUse = this.#placesOf(hosts)
    this.#next = undefined
    // As in net/shapes.ts: all requests read these fields.
    this.#next = undefined
    this.#isWhole = this.#inUse.isWhole
  }

  get inUse(): Places {
    return this.#inUse
  }

  /** The places of the server list. */
  get list(): Places {
    return this.#next ?? this.#inUse
  }

  /** Whether all hosts are usable, so that every key goes to its own host. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  #noteWhole(): void {
    this.#isWhole = this.#inUse.isWhole && this.list.isWhole
  }

  /** Replaces the server list. Returns its places. */
  use(hosts: readonly Host[]): Places {
    this.#inUse = this.#placesOf(hosts)
    this.#next = undefined
    this.#noteWhole()
    return this.#inUse
  }

  /** Makes the places of the list anew, because the settings have changed. */
  replan(policy: ClusterPolicy): void {
    const list = this.#placesOf(this.list.hosts, policy)
    if (this.#next === undefined) this.#inUse = list
    else this.#next = list
    this.#noteWhole()
  }

  /** Uses the previous places, while a handover announces the list. */
  announce(previous: Places): void {
    this.#next = this.list
    this.#inUse = previous
    this.#before = previous
    this.#noteWhole()
  }

  /** Uses the places of the list: values may move. */
  move(): void {
    this.#inUse = this.list
    this.#next = undefined
    this.#noteWhole()
  }

  update(): void {
    this.#inUse.update()
    this.#next?.update()
    this.#noteWhole()
  }

  /** The places in which a request finds the host of its key. */
  of(request: Request | undefined): Places {
    const binding = request?.binding
    if (binding === 'new') return this.list
    return (binding === 'before' ? this.#before : undefined) ?? this.#inUse
  }

  /** Whether other hosts of the ring serve the keys of a host that is out. */
  get mayRehash(): boolean {
    const { autoEjectHosts, failover } = this.#owner.policy
    return autoEjectHosts && failover === 'rehash'
  }

  /** Whether other hosts of the ring, or of the gutter, do. */
  get hasStandIns(): boolean {
    return this.mayRehash || this.gutter !== undefined
  }

  /** Returns the host that serves a key in these places; undefined if none can. */
  hostIn(places: Places, routeKey: string, excluded?: Host): Host | undefined {
    const host = places.find(routeKey)
    if (host !== undefined && host !== excluded) return host
    if (this.gutter !== undefined) return this.gutter.hostIn(this.gutter.inUse, routeKey, excluded)
    return this.mayRehash ? places.fallback(routeKey, excluded) : undefined
  }

  /** Returns the host that has copies of a key while only its own host is out. */
  standInOf(routeKey: string, home: Host, request: Request): Host | undefined {
    if (this.gutter !== undefined) return this.gutter.inUse.homeOf(routeKey)
    return this.mayRehash ? this.of(request).standInOf(routeKey, home) : undefined
  }

  locate(routeKey: string): Location {
    const { list, gutter } = this
    const { hash, point } = list.locate(routeKey)
    const home = list.homeOf(routeKey)
    const elsewhere = this.mayRehash ? list.fallback(routeKey, home) : undefined
    const fallback = (gutter?.inUse.homeOf(routeKey) ?? elsewhere)?.name
    return { server: home.name, hash, point, ejected: home.isEjected, fallback }
  }

  /**
   * Returns the host for a key: first its own; after a failure on `failed` the next one; an error
   * when there is none. `untilMs` is how long the command can wait for a host that is being
   * dialled.
   */
  next(
    places: Places,
    routeKey: string,
    isRead: boolean,
    untilMs: number,
    failed?: Host,
    error?: MintringError,
  ): Host | MintringError {
    const hasFailed = failed !== undefined && places.hosts.includes(failed)
    const first = hasFailed ? undefined : places.find(routeKey)
    if (first !== undefined) return first
    const owner = hasFailed ? failed : places.ownerOf(routeKey)
    const why = error ?? owner.outError()
    if (why.code === 'MINTRING_AUTH') return why
    // Retry a write on its own host while that is in the ring, because readers read it there.
    if (!isRead && owner.usable && hasFailed) return owner
    if (this.gutter !== undefined) return this.gutter.#anyFor(routeKey)
    const next = this.mayRehash ? places.fallback(routeKey, owner) : undefined
    const soon = next ?? this.#soonest(owner, untilMs, places)
    return soon ?? (places.isEmpty ? places.nowhere() : why)
  }

  /**
   * Returns a host for a key of another cluster, which uses this one as its gutter: live if
   * possible.
   */
  #anyFor(routeKey: string): Host | MintringError {
    const places = this.#inUse
    return places.find(routeKey) ?? places.fallback(routeKey, undefined) ?? places.nowhere()
  }

  /** Returns a host whose next dial is near, when no host is usable; the owner if possible. */
  #soonest(owner: Host, untilMs: number, { hosts }: Places): Host | undefined {
    return (this.mayRehash ? [owner, ...hosts] : [owner]).find((one) => one.canWait(untilMs))
  }

  #placesOf(hosts: readonly Host[], policy = this.#owner.policy): Places {
    hosts.forEach((host, index) => {
      host.index = index
    })
    return new Places(hosts, policy)
  }
}
