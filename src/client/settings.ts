import type { OptionNames } from '../arguments.ts'
import { badArgument, checkOptionNames } from '../arguments.ts'
import type { Behaviors, BehaviorsInput } from '../behaviors/behaviors.ts'
import { toClusterPolicy } from '../behaviors/policies.ts'
import { changeBehaviors, resolveBehaviors, warningsOf } from '../behaviors/resolve.ts'
import type { ConfigureMessage } from '../channels.ts'
import {
  configureChannel,
  ejectChannel,
  handoverChannel,
  probeChannel,
  refillChannel,
  returnChannel,
  slowChannel,
} from '../channels.ts'
import { within } from '../deadline.ts'
import { MintringError, messageOf } from '../errors.ts'
import type { Servers } from '../hosts/address.ts'
import { listText, parseServers } from '../hosts/address.ts'
import { Cluster } from '../hosts/cluster.ts'
import type { ClusterHooks } from '../hosts/hooks.ts'
import { loadHash } from '../ring/hashes/registry.ts'
import { setImmediate } from '../runtime.ts'
import { kindOf } from '../secrets.ts'
import { ClientCore } from './core.ts'
import { type DiscoveryWatcher, watcherFor } from './discovery/watcher.ts'
import { Events } from './events.ts'
import { type ChangeOptions, changeOf, previousOf } from './handovers.ts'
import type { OperationOptions } from './options.ts'
import { checkOptions } from './options.ts'

/** What close() takes. */
export interface CloseOptions {
  /** How long operations under way may still take; 1000 by default. */
  readonly drainMs?: number | undefined
}

/** What else has to know of a change. */
export interface SettingsListener {
  /** Other behaviors are in force. */
  configured(): void
  /** The servers are others. */
  moved(): void
}

/** Makes what a client's verbs share, and changes it while the client runs. */
export class ClientSettings {
  readonly core: ClientCore
  readonly #discovery: DiscoveryWatcher | undefined
  #listener: SettingsListener | undefined
  /** A list that came while values were moving: it is taken when that is over. */
  #next: { readonly servers: Servers; readonly options: ChangeOptions | undefined } | undefined

  constructor(servers: Servers, behaviors: BehaviorsInput) {
    const settings = resolveBehaviors(behaviors)
    const events = new Events()
    const hooks = hooksOf(events, String(++clients), () => this.#handedOver())
    const previous = previousOf(settings)
    const cluster = new Cluster(parseServers(servers), toClusterPolicy(settings), hooks)
    this.core = new ClientCore(cluster, events, settings)
    if (previous !== undefined) cluster.handovers.beginFrom(previous)
    cluster.handovers.joining = changeOf(settings)
    this.#adopt(settings)
    this.#discovery = this.#follow(settings)
  }

  /** Tells a listener of every change from now on. */
  tell(listener: SettingsListener): void {
    this.#listener = listener
  }

  /** Changes all these behaviors or, when one is wrong, none. */
  configure(behaviors: BehaviorsInput): void {
    const { next, changes } = changeBehaviors(this.core.behaviors, behaviors)
    const before = this.core.behaviors
    const previous = 'previous' in changes ? previousOf(next) : undefined
    this.core.apply(next)
    try {
      this.core.cluster.setPolicy(toClusterPolicy(next))
    } catch (error) {
      this.core.apply(before)
      throw error
    }
    if (previous !== undefined) this.core.cluster.handovers.beginFrom(previous)
    this.core.cluster.handovers.joining = changeOf(next)
    this.#adopt(next)
    this.#announce({ changes })
    this.#listener?.configured()
  }

  /**
   * Replaces the servers. While an earlier change still moves values, the new list waits for its
   * end. A change without a handover does not wait: it ends the earlier one at once.
   */
  setServers(servers: Servers, options?: ChangeOptions): void {
    const { cluster } = this.core
    const list = parseServers(servers)
    const change = changeOf(this.core.behaviors, options)
    this.#next = undefined
    if (change !== undefined && cluster.handover !== undefined) {
      if (listText(list) !== placesOf(cluster)) this.#next = { servers, options }
      return
    }
    const from = cluster.hosts.map((host) => host.name)
    const before = placesOf(cluster)
    cluster.setServers(list, change)
    cluster.handovers.joining = change
    const to = cluster.hosts.map((host) => host.name)
    if (placesOf(cluster) !== before) this.#announce({ changes: { servers: { from, to } } })
    this.#listener?.moved()
  }

  /** Asks what the behavior `discovery` names for the servers now. */
  async discover(options: OperationOptions = {}): Promise<void> {
    checkOptions('discover', options)
    if (this.#discovery !== undefined) return within(this.#discovery.look(), options, undiscovered)
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'discover() needs the behavior discovery')
  }

  /** Follows the behavior `discovery` no longer. */
  close(): void {
    this.core.isClosed = true
    this.#discovery?.close()
  }

  #handedOver(): void {
    const next = this.#next
    if (next !== undefined && !this.core.isClosed) this.setServers(next.servers, next.options)
  }

  #adopt(behaviors: Behaviors): void {
    if (behaviors.hash !== undefined) void loadHash(behaviors.hash)
    const warnings = warningsOf(behaviors)
    // Later, so that the code that makes the client has the time to add a listener.
    if (warnings.length > 0) {
      setImmediate(() => {
        for (const message of warnings) this.core.events.emit('warning', { message })
      })
    }
  }

  #follow(behaviors: Behaviors): DiscoveryWatcher | undefined {
    const { discovery } = behaviors
    if (discovery === undefined) return undefined
    const warn = (text: string): void => {
      this.core.events.emit('warning', { message: `discovery: ${text}` })
    }
    let isFirst = true
    const watcher = watcherFor(discovery, () => this.core.behaviors, {
      changed: (servers) => {
        // The fleet was there before this process: its first list is no change of servers.
        this.setServers(servers, isFirst ? { handover: 0 } : undefined)
        this.core.cluster.handovers.joining = changeOf(this.core.behaviors)
        isFirst = false
      },
      failed: (error) => warn(`${messageOf(error)}; the servers stay`),
      flapping: () => warn('the list flaps; it is followed once it stays the same'),
    })
    watcher.start()
    return watcher
  }

  #announce({ changes }: ConfigureMessage): void {
    if (Object.keys(changes).length === 0) return
    const { id: client, events } = this.core
    events.emit('configure', { changes })
    if (configureChannel.hasSubscribers) configureChannel.publish({ changes, client })
  }
}

const CLOSE_OPTIONS: OptionNames = new Set(['drainMs'])

/** How long close() waits. Throws MINTRING_BAD_ARGUMENT for options that are invalid. */
export function drainMsOf(options: CloseOptions | undefined): number {
  checkOptionNames('close', options, CLOSE_OPTIONS)
  const { drainMs = 1000 } = options ?? {}
  if (typeof drainMs === 'number' && drainMs >= 0) return drainMs
  const got = typeof drainMs === 'number' ? drainMs : kindOf(drainMs)
  throw badArgument(`close(): drainMs must be milliseconds from 0, not ${got}`)
}

function undiscovered(): MintringError {
  return new MintringError('MINTRING_TIMEOUT', 'discover() was not done in time')
}

function placesOf({ hosts }: Cluster): string {
  return listText(hosts.map(({ server }) => server))
}

/** How many clients were made: the number identifies each. */
let clients = 0

/** Events and channels are told the same; a channel, which all clients share, says whose it is. */
function hooksOf(events: Events, client: string, handedOver: () => void): ClusterHooks {
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
    handover(message) {
      events.emit('handover', message)
      if (handoverChannel.hasSubscribers) handoverChannel.publish({ ...message, client })
      if (message.phase === 'end') handedOver()
    },
    slow(message) {
      events.emit('slow', message)
      if (slowChannel.hasSubscribers) slowChannel.publish({ ...message, client })
    },
    invalidationsLost({ host, keys }) {
      const reason = `${keys} changes did not fit`
      const message = { event: 'invalidationsLost', host, reason }
      events.emit('invalidationsLost', message)
      if (refillChannel.hasSubscribers) refillChannel.publish({ ...message, client })
    },
  }
}
