import { MintringError } from '../errors.ts'
import type { Resolve } from '../net/dial.ts'
import { DELETE_DEBT, type Debt, type Request } from '../net/request.ts'
import { Turn } from '../net/turn.ts'
import { performance, setImmediate } from '../runtime.ts'
import { Account } from './account.ts'
import { identityOf, parseServers, type ServerAddress } from './address.ts'
import { Handovers } from './handovers.ts'
import { hold } from './hold.ts'
import type { ClusterHooks } from './hooks.ts'
import { Host } from './host.ts'
import type { HostOwner } from './host-owner.ts'
import type { HandoverOwner } from './moving-keys.ts'
import { errorOf, mayRepeat, nextStep, overtaken } from './next-step.ts'
import { Operations } from './operations.ts'
import type { Location } from './places.ts'
import type { ClusterPolicy } from './policy.ts'
import { Precautions } from './precautions.ts'
import type { HandoverChange } from './previous-places.ts'
import { Routes } from './routes.ts'
import type { HostSnapshot } from './snapshot.ts'
import { SpeedCheck } from './speed.ts'
import { keysToTell } from './tell.ts'

/**
 * All hosts of a client: routes requests, and retries those that fail on a host. The only place
 * that builds rings. Every request settles within requestTimeoutMs × (1 + retries), or within the
 * caller's own timeoutMs.
 */
export class Cluster implements HostOwner<Host>, HandoverOwner {
  readonly hooks: ClusterHooks
  readonly turn: Turn = new Turn()
  readonly resolve: Resolve | undefined
  #policy: ClusterPolicy
  readonly routes: Routes
  #gutter: Cluster | undefined
  readonly handovers: Handovers = new Handovers(this)
  /** The requests and operations that close() waits for. */
  readonly operations: Operations = new Operations(() => {
    return this.#gutter?.operations.isBusy === true || this.hosts.some(({ load }) => load > 0)
  })
  #isClosed = false
  #closing: Promise<void> | undefined
  readonly account: Account = new Account(this)
  readonly #precautions: Precautions = new Precautions(this)

  /** The maximum lifetime of items on these hosts, in seconds; 0 means no limit. */
  readonly maxTtlSeconds: number

  /** `resolve` replaces DNS in tests. `maxTtlSeconds` is for gutter hosts. */
  constructor(
    servers: readonly ServerAddress[],
    policy: ClusterPolicy,
    hooks: ClusterHooks = {},
    resolve?: Resolve,
    maxTtlSeconds = 0,
  ) {
    this.#policy = policy
    this.maxTtlSeconds = maxTtlSeconds
    this.hooks = hooks
    this.resolve = resolve
    this.routes = new Routes(
      this,
      servers.map((server) => new Host(this, server)),
    )
    this.#openGutter()
  }

  get policy(): ClusterPolicy {
    return this.#policy
  }

  get hasOneHost(): boolean {
    const { ejectLoneHost, failover } = this.#policy
    return this.hosts.length === 1 && failover === 'rehash' && !ejectLoneHost
  }

  /** The hosts of the server list. */
  get hosts(): readonly Host[] {
    return this.routes.list.hosts
  }

  /** The hosts that keys have as home. */
  get homes(): readonly Host[] {
    return this.routes.inUse.hosts
  }

  get placement(): string {
    return this.routes.list.placement
  }

  /** Sends a request to the host of `request.routeKey`. The request always settles. */
  dispatch(request: Request): void {
    if (this.handovers.gate?.take(request) !== true) this.#start(request)
  }

  /**
   * Sends a request to the host of `request.routeKey` in the new placement, ignoring a handover.
   */
  dispatchNew(request: Request): void {
    request.binding = 'new'
    this.#start(request, this.routes.list)
  }

  /** Does the same in the previous placement of the handover. */
  dispatchBefore(request: Request): void {
    request.binding = 'before'
    this.#start(request, this.routes.of(request))
  }

  /**
   * Sends a request to this host, without a fallback: statistics, flushes, and commands under a
   * lease. Does not record missed changes for its keys.
   */
  dispatchTo(host: Host, request: Request): void {
    if (request.binding === 'key') request.binding = 'host'
    if (!this.#isOpenFor(request)) return
    if (host.usable || host.canWait(request.endMs(performance.now()))) this.#give(host, request)
    else {
      if (request.verb.effect === 'flush') host.debts.addFlush()
      request.reject(errorOf(request, host.outError()))
    }
  }

  /** Sends a request to its key's own host, without a fallback: a fallback host has other items. */
  dispatchHome(request: Request): void {
    request.binding = 'host'
    if (this.handovers.gate?.take(request) === true) return
    this.dispatchTo(this.homeOf(request.routeKey!), request)
  }

  /** Sends a group of commands to the host that routeFor() returned for all of its keys. */
  dispatchGroup(host: Host, request: Request): void {
    if (this.#isOpenFor(request)) this.#give(host, request)
  }

  /**
   * Returns the host that serves a key now; undefined when its host is down and `failover` allows
   * no fallback.
   */
  hostFor(routeKey: string): Host | undefined {
    return this.handover?.readHomeOf(routeKey) ?? this.newHostFor(routeKey)
  }

  /** Does the same as hostFor(), but uses only the new placement during a handover. */
  newHostFor(routeKey: string): Host | undefined {
    return this.routes.hostIn(this.routes.list, routeKey)
  }

  /** Returns the host that would serve a key without its home. */
  standInFor(routeKey: string, home: Host): Host | undefined {
    return this.routes.hostIn(this.routes.inUse, routeKey, home)
  }

  /** Returns the key's host in the full ring, ejected or not, as a request uses it. */
  homeOf(routeKey: string, request?: Request): Host {
    return this.routes.of(request).homeOf(routeKey)
  }

  /** Returns the first fallback host of a key, if `failover` allows one. */
  fallbackOf(routeKey: string, home: Host, request: Request): Host | undefined {
    return this.mayRehash ? this.routes.of(request).fallback(routeKey, home) : undefined
  }

  snapshot(): HostSnapshot[] {
    return this.hosts.map((host) => host.snapshot(performance.now()))
  }

  locate(routeKey: string): Location {
    return this.routes.locate(routeKey)
  }

  /**
   * Replaces the servers. Hosts that stay keep their connections. Hosts that leave finish their
   * requests first; with `change`, they stay until its handover ends.
   */
  setServers(servers: readonly ServerAddress[], change?: HandoverChange): void {
    const leaving = this.handovers.end()
    const kept = new Map([...leaving, ...this.hosts].map((host) => [identityOf(host.server), host]))
    const { inUse, list: before } = this.routes
    const hosts = servers.map((server) => {
      const identity = identityOf(server)
      const host = kept.get(identity) ?? new Host(this, server, this.account.debtsOf(identity))
      kept.delete(identity)
      host.server = server
      return host
    })
    const after = this.routes.use(hosts)
    const isHandedOver = this.handovers.follow(before, after, change, [...kept.values()])
    if (!isHandedOver) this.account.placesChanged(inUse, after)
  }

  /** The current handover. */
  get handover(): Handovers['current'] {
    return this.handovers.current
  }

  /** Changes settings for later operations; open connections stay as they are. */
  setPolicy(policy: ClusterPolicy): void {
    const before = this.#policy
    const { inUse } = this.routes
    this.routes.replan(policy)
    this.account.placesChanged(inUse, this.routes.inUse)
    this.#policy = policy
    for (const host of this.hosts) host.applyPolicy()
    if (before.failover !== policy.failover) {
      void this.#gutter?.close({ drainMs: policy.requestTimeoutMs })
      this.#openGutter()
    } else {
      this.#gutter?.setPolicy({ ...policy, failover: 'rehash' })
    }
  }

  /** Records a change that a host missed and must apply before its value of the key is used. */
  owe(host: Host, wireKey: string, debt: Debt = DELETE_DEBT): void {
    this.account.owe(host, wireKey, debt)
  }

  /** Waits for pending operations, and ends those that remain after `drainMs`. */
  close({ drainMs = 1_000 }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(performance.now() + drainMs)
    return this.#closing
  }

  /**
   * Records a write that reached no host. The key's own host must delete the key when it returns.
   */
  noteUnreached(
    routeKey: string,
    wireKey: string,
    debt: Debt = DELETE_DEBT,
    request?: Request,
  ): void {
    const home = this.homeOf(routeKey, request)
    if (!home.usable) this.account.owe(home, wireKey, debt)
  }

  /** Sends a request of the account to a host, without a retry: a marker, a notice or a delete. */
  readonly send = (host: Host, request: Request): void => {
    request.binding = 'once'
    this.dispatchTo(host, request)
  }

  // The methods of HostOwner, which hosts call.

  readonly speedCheck: SpeedCheck = new SpeedCheck(this)

  hostChanged(host: Host): void {
    this.routes.update()
    // Take precautions for a while: other processes of the fleet may notice the change earlier or
    // later.
    this.#precautions.noteTrouble(performance.now())
    this.handover?.hostChanged(host)
    void this.account.hostChanged(host)
  }

  reconnecting(host: Host): Promise<void> | undefined {
    this.account.reconnecting(host)
    return this.handovers.lookElsewhere(host)
  }

  attemptFailed(host: Host, request: Request, error: MintringError, deadlineMs: number): void {
    const { retries, retryWrites } = this.#policy
    const nowMs = performance.now()
    this.#precautions.noteTrouble(nowMs)
    const past = request.failedBefore()
    if (nowMs >= deadlineMs) past.tries++
    const step = nextStep(request, error, {
      ...{ retries, retryWrites, nowMs, deadlineMs, isClosed: this.#isClosed },
      isUsable: host.usable || host.isConnected,
      isListed: host.index >= 0 || this.routes.of(request).hosts.includes(host),
      mayOvertake: host.mayOvertake(request),
    })
    // A retry on another connection of the same host gets only the time that is left of the first
    // attempt.
    past.hereUntilMs = step === 'here' && Number.isFinite(deadlineMs) ? deadlineMs : 0
    if (step === 'reject') {
      if (request.verb.effect === 'flush') host.debts.addFlush()
      this.#reject(request, error)
    } else if (this.handovers.takeBack(request, error)) return
    else if (step === 'here') this.#give(host, request)
    else if (request.group !== undefined) request.group.regroup(host, error)
    else this.#place(request, host, error)
  }

  /** Whether other hosts of the ring serve the keys of a host that is out. */
  get mayRehash(): boolean {
    return this.routes.mayRehash
  }

  #isOpenFor(request: Request): boolean {
    if (request.settled) return false
    request.times ??= this.#policy
    if (!this.#isClosed) return true
    request.reject(new MintringError('MINTRING_CLOSED', 'The client was closed'))
    return false
  }

  /** Sends a request to its first host. Hot path. */
  #start(request: Request, places = this.routes.inUse): void {
    if (!this.#isOpenFor(request)) return
    const { routeKey } = request
    const host = routeKey === undefined ? undefined : places.find(routeKey)
    if (host === undefined) this.#place(request)
    else this.#give(host, request)
  }

  /** Sends a request to its next host. */
  #place(request: Request, failed?: Host, error?: MintringError): void {
    const { routeKey, verb } = request
    if (routeKey === undefined) return
    const isRead = verb.effect === 'read'
    const untilMs = request.endMs(performance.now())
    const places = this.routes.of(request)
    const host = this.routes.next(places, routeKey, isRead, untilMs, failed, error)
    if (host instanceof MintringError) this.#reject(request, host)
    else this.#give(host, request)
  }

  /** Sends a request to a host. Every request passes here. */
  #give(host: Host, request: Request): void {
    // A retry may leave a host that all other requests still use.
    const isAtHome = this.routes.isWhole && request.past === undefined
    if (isAtHome && this.account.isEmpty) host.send(request)
    else this.#giveTold(host, request)
    if (request.verb.effect !== 'read') this.#precautions.take(host, request)
  }

  /** Keys that go to a fallback host are recorded first. */
  #giveTold(host: Host, request: Request): void {
    const isUntold = this.handover?.isAtPrevious(host, request) === true
    const wait = isUntold
      ? this.account.endRecoveries()
      : this.account.admit(host, request, keysToTell(request))
    if (wait === undefined) host.send(request)
    else this.#giveAfter(wait, host, request)
  }

  /** Sends a request once the fallback host's copies of its keys are known to be valid. */
  #giveAfter(wait: Promise<void>, host: Host, request: Request): void {
    const { gate } = this.handovers
    const fail = (error: MintringError, deadlineMs = Number.POSITIVE_INFINITY): void => {
      this.attemptFailed(host, request, error, deadlineMs)
    }
    const go = (): void => {
      if (!this.#isOpenFor(request)) return
      // A change of servers that was found meanwhile decides anew where the key lives.
      if (this.handovers.gate !== gate) fail(overtaken(host.name))
      else if (this.handovers.takeBack(request, overtaken(host.name))) return
      else if (host.usable) host.send(request)
      else fail(host.outError())
    }
    hold(request, host, wait, go, fail)
  }

  /**
   * Rejects a request, or resolves it as a miss if `failover` is 'miss'. Records a missed write.
   */
  #reject(request: Request, error: MintringError): void {
    const { verb, group } = request
    const { failover, retryWrites } = this.#policy
    const isWrite = verb.effect === 'change' || verb.effect === 'remove'
    if (isWrite && verb.repeatable && request.isFree) {
      const debt = verb.debt?.(request) ?? DELETE_DEBT
      for (const key of keysToTell(request)) this.noteUnreached(...key, debt, request)
    }
    const isMiss = failover === 'miss' && request.isFree && mayRepeat(request, error, retryWrites)
    if (isMiss && group !== undefined) group.miss()
    else if (isMiss && verb.miss !== undefined) verb.miss(request)
    else request.reject(errorOf(request, error))
  }

  #openGutter(): void {
    const { failover } = this.#policy
    if (typeof failover === 'string') this.#gutter = undefined
    else {
      const policy: ClusterPolicy = { ...this.#policy, failover: 'rehash' }
      const { gutter, ttl } = failover
      this.#gutter = new Cluster(parseServers(gutter), policy, this.hooks, this.resolve, ttl)
    }
    this.routes.gutter = this.#gutter?.routes
  }

  async #close(endMs: number): Promise<void> {
    const error = new MintringError('MINTRING_CLOSED', 'The client was closed')
    await this.operations.drain(endMs)
    // Set before closing hosts, so that the requests they fail are not retried.
    this.#isClosed = true
    this.account.close()
    for (const host of [...this.hosts, ...this.handovers.close()]) host.close(error)
    // Node finishes destroying the sockets two event loop ticks later.
    for (let turn = 0; turn < 2; turn++) await new Promise((wake) => setImmediate(wake))
    await this.#gutter?.close({ drainMs: Math.max(0, endMs - performance.now()) })
  }
}
