import { inspect } from 'node:util'
import type { OptionNames } from '../arguments.ts'
import { badArgument, checkOptionNames } from '../arguments.ts'
import type { Behaviors, BehaviorsInput } from '../behaviors/behaviors.ts'
import { toClusterPolicy } from '../behaviors/policies.ts'
import { changeBehaviors, resolveBehaviors, warningsOf } from '../behaviors/resolve.ts'
import type { ConfigureMessage } from '../channels.ts'
import {
  configureChannel,
  ejectChannel,
  probeChannel,
  refillChannel,
  returnChannel,
} from '../channels.ts'
import { within } from '../deadline.ts'
import { MintringError, messageOf } from '../errors.ts'
import type { Servers } from '../hosts/address.ts'
import { identityOf, parseServers } from '../hosts/address.ts'
import { Cluster } from '../hosts/cluster.ts'
import type { ClusterHooks } from '../hosts/hooks.ts'
import type { Location } from '../hosts/places.ts'
import type { HostSnapshot } from '../hosts/snapshot.ts'
import { loadHash } from '../ring/hashes/registry.ts'
import { setImmediate } from '../runtime.ts'
import { ClientCore } from './core.ts'
import { type DiscoveryWatcher, watcherFor } from './discovery/watcher.ts'
import type { ClientEvents, Listener } from './events.ts'
import { Events } from './events.ts'
import type { OperationOptions } from './options.ts'
import { checkOptions } from './options.ts'

/** What close() takes. */
export interface CloseOptions {
  /** How long operations under way may still take; 1000 by default. */
  readonly drainMs?: number | undefined
}

/** A client's hosts, settings, events and end. The verbs are in the classes that extend it. */
export class ClientBase {
  /** What the verbs share: hosts, keys, codec and settings. @internal */
  protected readonly core: ClientCore
  private readonly _discovery: DiscoveryWatcher | undefined

  /**
   * Connects on first use, so that it never fails because a host is down. Throws
   * MINTRING_BAD_SERVER, _NO_SERVERS, _DUPLICATE_SERVER and _BAD_BEHAVIOR.
   */
  constructor(servers: Servers, behaviors: BehaviorsInput = {}) {
    const settings = resolveBehaviors(behaviors)
    const events = new Events()
    const hooks = hooksOf(events, String(++clients))
    const cluster = new Cluster(parseServers(servers), toClusterPolicy(settings), hooks)
    this.core = new ClientCore(cluster, events, settings)
    this._adopt(settings)
    this._discovery = this._follow(settings)
  }

  /** What messages on diagnostics channels, and metrics, call this client: a number as text. */
  get id(): string {
    return this.core.id
  }

  /** The settings in force, all filled in. They are frozen: change them by configure(). */
  get behaviors(): Behaviors {
    return this.core.behaviors
  }

  /** How many failed reads were answered as misses, because of `onError: 'miss'`. */
  get forgivenErrors(): number {
    return this.core.forgivenErrors
  }

  /**
   * Changes settings for the operations that begin from now on: all of them or, when one is wrong,
   * none. Throws MINTRING_BAD_BEHAVIOR, or MINTRING_BAD_KEY for a prefix that cannot be.
   * @example cache.configure({ requestTimeoutMs: 200 })
   */
  configure(behaviors: BehaviorsInput): void {
    const { next, changes } = changeBehaviors(this.core.behaviors, behaviors)
    const before = this.core.behaviors
    this.core.apply(next)
    try {
      this.core.cluster.setPolicy(toClusterPolicy(next))
    } catch (error) {
      this.core.apply(before)
      throw error
    }
    this._adopt(next)
    this._announce({ changes })
  }

  /**
   * Replaces the servers. Those that stay keep their connections and, but for the keys that move to
   * new ones, their keys. Throws MINTRING_BAD_SERVER, _NO_SERVERS or _DUPLICATE_SERVER.
   */
  setServers(servers: Servers): void {
    const { cluster } = this.core
    const from = cluster.hosts.map((host) => host.name)
    const before = placesOf(cluster)
    cluster.setServers(parseServers(servers))
    const to = cluster.hosts.map((host) => host.name)
    if (placesOf(cluster) !== before) this._announce({ changes: { servers: { from, to } } })
  }

  /**
   * Asks what the behavior `discovery` names for the servers now, without waiting for its interval:
   * before the first operation, for one. Rejects when it tells none, and the servers stay as they
   * are; MINTRING_BAD_ARGUMENT without that behavior.
   */
  async discover(options: OperationOptions = {}): Promise<void> {
    checkOptions('discover', options)
    if (this._discovery !== undefined) return within(this._discovery.look(), options, undiscovered)
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'discover() needs the behavior discovery')
  }

  /**
   * A snapshot of every host: state, failures, connections, what waits.
   * @example console.table(cache.hosts())
   */
  hosts(): HostSnapshot[] {
    return this.core.cluster.snapshot()
  }

  /**
   * Why a key lives where it does. Throws MINTRING_BAD_KEY.
   * @example const { server } = cache.locate('user:1')
   */
  locate(key: string): Location {
    this.core.keys.wireKey(key)
    return this.core.cluster.locate(this.core.keys.routeKey(key))
  }

  /** Adds a listener; what it throws becomes a process warning. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): this {
    this.core.events.on(name, listener)
    return this
  }

  /** Removes a listener. */
  off<Name extends keyof ClientEvents>(name: Name, listener: Listener<Name>): this {
    this.core.events.off(name, listener)
    return this
  }

  /**
   * Ends the client: operations under way may finish for `drainMs`, what is left then, and all that
   * comes later, rejects with MINTRING_CLOSED. Leaves no socket and no timer. May be called twice.
   * @example await cache.close({ drainMs: 1000 })
   */
  async close(options?: CloseOptions): Promise<void> {
    checkClose(options)
    this._discovery?.close()
    await this.core.cluster.close({ drainMs: options?.drainMs ?? 1000 })
  }

  /** `await using cache = new MemcachedClient(…)` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** What JSON.stringify writes: hosts and their state. Never credentials. */
  toJSON(): {
    /** As `hosts()` tells them. */
    readonly hosts: HostSnapshot[]
  } {
    return { hosts: this.hosts() }
  }

  private _adopt(behaviors: Behaviors): void {
    if (behaviors.hash !== undefined) void loadHash(behaviors.hash)
    const warnings = warningsOf(behaviors)
    // Later, so that whoever makes the client has the time to listen.
    if (warnings.length > 0) {
      setImmediate(() => {
        for (const message of warnings) this.core.events.emit('warning', { message })
      })
    }
  }

  private _follow(behaviors: Behaviors): DiscoveryWatcher | undefined {
    const { discovery } = behaviors
    if (discovery === undefined) return undefined
    const watcher = watcherFor(discovery, () => this.core.behaviors, {
      changed: (servers) => this.setServers(servers),
      failed: (error) => {
        const message = `discovery: ${messageOf(error)}; the servers stay`
        this.core.events.emit('warning', { message })
      },
      flapping: () => {
        const message = 'discovery: the list flaps; it is followed once it stays the same'
        this.core.events.emit('warning', { message })
      },
    })
    watcher.start()
    return watcher
  }

  private _announce({ changes }: ConfigureMessage): void {
    if (Object.keys(changes).length === 0) return
    const { id: client, events } = this.core
    events.emit('configure', { changes })
    if (configureChannel.hasSubscribers) configureChannel.publish({ changes, client })
  }
}

const CLOSE_OPTIONS: OptionNames = new Set(['drainMs'])

/** Throws MINTRING_BAD_ARGUMENT for options of close() that cannot be. */
export function checkClose(options: CloseOptions | undefined): void {
  checkOptionNames('close', options, CLOSE_OPTIONS)
  const drainMs = options?.drainMs
  if (drainMs === undefined || (typeof drainMs === 'number' && drainMs >= 0)) return
  throw badArgument('close() takes drainMs, milliseconds from 0')
}

function undiscovered(): MintringError {
  return new MintringError('MINTRING_TIMEOUT', 'discover() was not done in time')
}

// What console.log shows. Without it, credentials in the settings would be.
Object.defineProperty(ClientBase.prototype, inspect.custom, {
  value(this: ClientBase): string {
    const hosts = this.hosts().map(({ name, state }) => `${name} (${state})`)
    return `${this.constructor.name} { ${hosts.join(', ')} }`
  },
})

/** Which servers there are, and how much of the keys each has. */
function placesOf({ hosts }: Cluster): string {
  return hosts.map(({ server }) => `${identityOf(server)}*${server.weight}`).join()
}

/** How many clients were made: each is told apart by its number. */
let clients = 0

/** Events and channels are told the same; a channel, which all clients share, says whose it is. */
function hooksOf(events: Events, client: string): ClusterHooks {
  return {
    client,
    eject(message) {
      events.emit('eject', message)
      if (ejectChannel.hasSubscribers) ejectChannel.publish({ ...message, client })
    },
    probe(message) {
      events.emit('probe', message)
      if (probeChannel.hasSubscribers) probeChannel.publish({ ...message, client })
    },
    return(message) {
      events.emit('return', message)
      if (returnChannel.hasSubscribers) returnChannel.publish({ ...message, client })
    },
    invalidationsLost({ host, keys }) {
      const reason = `${keys} changes did not fit`
      const message = { event: 'invalidationsLost', host, reason }
      events.emit('invalidationsLost', message)
      if (refillChannel.hasSubscribers) refillChannel.publish({ ...message, client })
    },
  }
}
