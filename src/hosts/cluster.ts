import { MintringError } from '../errors.ts'
import type { Resolve } from '../net/dial.ts'
import type { Request } from '../net/request.ts'
import { Turn } from '../net/turn.ts'
import { identityOf, parseServers, type ServerAddress } from './address.ts'
import { errorOf, isFinal, isLaneDeath, mayRepeat } from './attempt.ts'
import { withShortTtl } from './gutter.ts'
import type { ClusterHooks } from './hooks.ts'
import { Host } from './host.ts'
import type { HostOwner } from './host-owner.ts'
import { forgetHead } from './journal.ts'
import { type Location, Places } from './places.ts'
import type { ClusterPolicy, Gutter } from './policy.ts'
import type { HostSnapshot } from './snapshot.ts'

/**
 * All hosts: who gets a request, and what becomes of it when that host fails. The only place that
 * builds rings. Every request given to it settles, within requestTimeoutMs × (1 + retries) or the
 * caller's own timeoutMs.
 */
export class Cluster implements HostOwner<Host> {
  readonly hooks: ClusterHooks
  readonly turn: Turn = new Turn()
  readonly resolve: Resolve | undefined
  #policy: ClusterPolicy
  #places: Places
  #gutter: Cluster | undefined
  #closing: Promise<void> | undefined

  /** `resolve` replaces DNS, for tests. */
  constructor(
    servers: readonly ServerAddress[],
    policy: ClusterPolicy,
    hooks: ClusterHooks = {},
    resolve?: Resolve,
  ) {
    this.#policy = policy
    this.hooks = hooks
    this.resolve = resolve
    this.#places = new Places(
      servers.map((server) => new Host(this, server)),
      policy,
    )
    this.#gutter = this.#makeGutter()
  }

  get policy(): ClusterPolicy {
    return this.#policy
  }

  get hosts(): readonly Host[] {
    return this.#places.hosts
  }

  /** Routes by `request.routeKey`. The request settles in the end, always. */
  dispatch(request: Request): void {
    const { routeKey } = request
    if (routeKey === undefined || !this.#begin(request)) return
    const host = this.#places.find(routeKey)
    if (host === undefined) this.#divert(request, routeKey, undefined, undefined)
    else if (this.#places.isRebuilt) this.#give(host, request)
    else this.#attempt(host, request, request.attemptMs)
  }

  /**
   * Sends to this host and nowhere else: statistics, flushes, the keys of a batch that live there.
   */
  dispatchTo(host: Host, request: Request): void {
    request.pinned = true
    if (!this.#begin(request)) return
    const { attemptMs, finalMs } = request
    if (host.usable || host.canWait(finalMs)) this.#attempt(host, request, attemptMs)
    else request.reject(errorOf(request, host.outError()))
  }

  /**
   * Where a key goes now; undefined when nowhere, because its host is out and `failover` says so.
   */
  hostFor(routeKey: string, excluded?: Host): Host | undefined {
    const host = this.#places.find(routeKey)
    if (host !== undefined && host !== excluded) return host
    if (this.#gutter !== undefined) return this.#gutter.hostFor(routeKey, excluded)
    return this.#mayRehash ? this.#places.fallback(routeKey, excluded) : undefined
  }

  /** The key's host in the full ring, ejected or not. */
  homeOf(routeKey: string): Host {
    return this.#places.homeOf(routeKey)
  }

  snapshot(): HostSnapshot[] {
    const nowMs = performance.now()
    return this.hosts.map((host) => host.snapshot(nowMs))
  }

  locate(routeKey: string): Location {
    const { hash, point } = this.#places.locate(routeKey)
    const home = this.homeOf(routeKey)
    const elsewhere = this.#mayRehash ? this.#places.fallback(routeKey, home) : undefined
    const fallback = (this.#gutter?.homeOf(routeKey) ?? elsewhere)?.name
    return { server: home.name, hash, point, ejected: home.isEjected, fallback }
  }

  /** Replaces the membership. Hosts that stay keep their lanes; those that leave finish first. */
  setServers(servers: readonly ServerAddress[]): void {
    const kept = new Map(this.hosts.map((host) => [identityOf(host.server), host]))
    const hosts = servers.map((server) => {
      const host = kept.get(identityOf(server)) ?? new Host(this, server)
      kept.delete(identityOf(server))
      host.server = server
      return host
    })
    this.#places = new Places(hosts, this.#policy)
    for (const host of kept.values()) {
      host.index = -1
      host.drain(new MintringError('MINTRING_CLOSED', `${host.name} left`, { host: host.name }))
    }
  }

  /** Changes settings for what begins from now on; connections that are open stay as they are. */
  setPolicy(policy: ClusterPolicy): void {
    const before = this.#policy
    this.#places = new Places(this.hosts, policy)
    this.#policy = policy
    for (const host of this.hosts) host.applyPolicy()
    if (before.failover !== policy.failover) {
      void this.#gutter?.close({ drainMs: policy.requestTimeoutMs })
      this.#gutter = this.#makeGutter()
    } else {
      this.#gutter?.setPolicy({ ...policy, failover: 'rehash' })
    }
  }

  /**
   * Notes that `host` has to be told `head` (a delete by default) for `wireKey`, because it could
   * not be told now. It is, before it takes requests again, or in the background if it is up.
   */
  journal(host: Host, wireKey: string, head = `delete ${wireKey}\r\n`): void {
    host.journal.add(wireKey, head)
    host.replay()
  }

  /** Takes nothing new, waits for what is under way, and ends what is left after `drainMs`. */
  close({ drainMs = 1_000 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  // What hosts tell.

  hostChanged(): void {
    this.#places.update()
  }

  attemptFailed(host: Host, request: Request, error: MintringError): void {
    const nowMs = performance.now()
    if (isFinal(error) || !mayRepeat(request, this.#policy.retryWrites)) {
      request.reject(errorOf(request, error))
      return
    }
    const isLaneDead = isLaneDeath(error) && nowMs < request.deadlineMs
    if (isLaneDead && !request.requeued && host.usable && host.index >= 0) {
      request.requeued = true
      host.send(request)
      return
    }
    const { routeKey } = request
    // Finding nobody there took no time and sent nothing new: it is not one of the retries.
    if (isLaneDead && !host.usable && this.#policy.retries > 0) request.attempts--
    const isLast = request.attempts > this.#policy.retries || nowMs >= request.finalMs
    if (request.pinned || routeKey === undefined || isLast) this.#giveUp(request, error)
    else this.#divert(request, routeKey, host, error)
  }

  /** Takes over a request of the cluster that this one is the gutter of. */
  adopt(request: Request, routeKey: string): void {
    const host = this.#places.find(routeKey) ?? this.#places.fallback(routeKey, undefined)
    if (host === undefined) this.#giveUp(request, this.#places.nowhere())
    else this.#attempt(host, request)
  }

  get #mayRehash(): boolean {
    return this.#policy.autoEjectHosts && this.#policy.failover === 'rehash'
  }

  /** Sets the end of the whole operation. Answers false when the request is over already. */
  #begin(request: Request): boolean {
    if (request.settled) return false
    if (this.#closing !== undefined) {
      request.reject(new MintringError('MINTRING_CLOSED', 'The client was closed'))
      return false
    }
    const { requestTimeoutMs, retries } = this.#policy
    const timeoutMs = request.timeoutMs > 0 ? request.timeoutMs : requestTimeoutMs * (1 + retries)
    request.attemptMs = this.turn.nowMs
    request.finalMs = request.attemptMs + timeoutMs
    return true
  }

  /** Begins an attempt on `host`. */
  #attempt(host: Host, request: Request, nowMs = Math.ceil(performance.now())): void {
    const { requestTimeoutMs, retries } = this.#policy
    const shareMs = Math.ceil(request.timeoutMs / (1 + retries))
    const deadlineMs = nowMs + (shareMs > requestTimeoutMs ? shareMs : requestTimeoutMs)
    request.attempts++
    request.attemptMs = nowMs
    request.deadlineMs = deadlineMs < request.finalMs ? deadlineMs : request.finalMs
    request.requeued = false
    host.send(request)
  }

  /** An attempt somewhere that may not be home: then home must forget the key. */
  #give(host: Host, request: Request): void {
    if (request.routeKey !== undefined) this.#forgetAtHome(request, request.routeKey, host)
    this.#attempt(host, request)
  }

  /** A write that does not go home: what home has of the key is old from now on. */
  #forgetAtHome(request: Request, routeKey: string, host: Host | undefined): void {
    const { wireKey, verb } = request
    if (verb.safety === 'read' || wireKey === '') return
    const home = this.homeOf(routeKey)
    if (home === host) return
    home.journal.add(wireKey, forgetHead(request), host)
    home.replay()
  }

  /** `failed` (or, without it, the key's owner) cannot have the request: finds another place. */
  #divert(
    request: Request,
    routeKey: string,
    failed: Host | undefined,
    error: MintringError | undefined,
  ): void {
    const owner = failed ?? this.#places.ownerOf(routeKey)
    const why = error ?? owner.outError()
    if (why.code === 'MINTRING_AUTH') {
      request.reject(errorOf(request, why))
      return
    }
    // Readers look for a write at its home as long as that is in the ring.
    if (request.verb.safety !== 'read' && owner.usable && owner.index >= 0) {
      this.#attempt(owner, request)
      return
    }
    if (this.#gutter !== undefined) {
      this.#toGutter(request, routeKey, this.#gutter)
      return
    }
    const host = this.#mayRehash ? this.#places.fallback(routeKey, owner) : undefined
    const soon = host ?? this.#soonest(owner, request.finalMs)
    if (soon !== undefined) this.#give(soon, request)
    else this.#giveUp(request, this.#places.isEmpty ? this.#places.nowhere() : why)
  }

  /** With nobody there now: a host that is about to be dialled, the owner if it may be. */
  #soonest(owner: Host, untilMs: number): Host | undefined {
    const candidates = this.#mayRehash ? [owner, ...this.hosts] : [owner]
    return candidates.find((host) => host.canWait(untilMs))
  }

  #toGutter(request: Request, routeKey: string, gutter: Cluster): void {
    const { ttl } = this.#policy.failover as Gutter
    request.head = withShortTtl(request.head, ttl)
    this.#forgetAtHome(request, routeKey, undefined)
    gutter.adopt(request, routeKey)
  }

  /** The end, unless the caller takes a miss for an answer. Home hears of the write when it can. */
  #giveUp(request: Request, error: MintringError): void {
    const { routeKey, wireKey, verb } = request
    if (verb.safety === 'idempotent' && routeKey !== undefined && wireKey !== '') {
      const home = this.homeOf(routeKey)
      if (!home.usable) home.journal.add(wireKey, forgetHead(request))
    }
    const isMiss = this.#policy.failover === 'miss' && request.verb.miss !== undefined
    if (isMiss && !request.pinned) request.verb.miss?.(request)
    else request.reject(errorOf(request, error))
  }

  #makeGutter(): Cluster | undefined {
    const { failover } = this.#policy
    if (typeof failover === 'string') return undefined
    const policy: ClusterPolicy = { ...this.#policy, failover: 'rehash' }
    return new Cluster(parseServers(failover.gutter), policy, this.hooks, this.resolve)
  }

  async #close(drainMs: number): Promise<void> {
    const error = new MintringError('MINTRING_CLOSED', 'The client was closed')
    const endMs = performance.now() + drainMs
    const isBusy = () => this.hosts.some((host) => host.load > 0)
    while (isBusy() && performance.now() < endMs) {
      await new Promise((wake) => setTimeout(wake, 5))
    }
    for (const host of this.hosts) host.close(error)
    await this.#gutter?.close({ drainMs: Math.max(0, endMs - performance.now()) })
  }
}
