import type { OptionNames } from '../arguments.ts'
import { badArgument, checkOptionNames } from '../arguments.ts'
import type { Behaviors, BehaviorsInput } from '../behaviors/behaviors.ts'
import { badBehavior } from '../behaviors/check.ts'
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
import type { ServerAddress, Servers } from '../hosts/address.ts'
import { addressOf, listText, parseServers } from '../hosts/address.ts'
import { Cluster } from '../hosts/cluster.ts'
import type { ClusterHooks } from '../hosts/hooks.ts'
import type { HandoverChange } from '../hosts/previous-places.ts'
import { loadHash } from '../ring/hashes/registry.ts'
import { clearTimeout, setImmediate, setTimeout } from '../runtime.ts'
import { kindOf } from '../secrets.ts'
import { ClientCore } from './core.ts'
import { type DiscoveryWatcher, watcherFor } from './discovery/watcher.ts'
import { Events } from './events.ts'
import { type ChangeOptions, changeOf, previousOf } from './handovers.ts'
import type { OperationOptions } from './options.ts'
import { checkOptions } from './options.ts'

/** The options of close(). */
export interface CloseOptions {
  /** How long pending operations may still take, in ms; default 1000. */
  readonly drainMs?: number | undefined
}

/** Called after changes of behaviors or servers, on which refills depend. */
export interface SettingsListener {
  /** The behaviors have changed. */
  configured(): void
  /** The servers have changed. */
  moved(): void
}

/** A list of servers as it was given to setServers(). */
interface GivenList {
  readonly servers: Servers
  readonly options: ChangeOptions | undefined
}

/** Creates the shared state of a client, and changes it at runtime. */
export class ClientSettings {
  readonly core: ClientCore
  readonly #discovery: DiscoveryWatcher | undefined
  #listener: SettingsListener | undefined
  /** A server list that arrived during a handover; it is applied when the handover ends. */
  #next: GivenList | undefined
  /** The list that was applied last. */
  #given: GivenList | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(servers: Servers, behaviors: BehaviorsInput) {
    const settings = resolveBehaviors(behaviors)
    const events = new Events()
    const hooks = hooksOf(events, String(++clients), {
      handedOver: () => this.#handedOver(),
      reversed: (servers, leftMs) => this.#goBack(servers, leftMs),
    })
    const previous = previousOf(settings)
    const list = parseServers(servers)
    checkGutter(list, settings)
    const cluster = new Cluster(list, toClusterPolicy(settings), hooks)
    this.core = new ClientCore(cluster, events, settings)
    if (previous !== undefined) cluster.handovers.beginFrom(previous)
    cluster.handovers.joining = changeOf(settings)
    this.#adopt(settings)
    this.#discovery = this.#follow(settings)
  }

  /** Sets the listener for changes. */
  tell(listener: SettingsListener): void {
    this.#listener = listener
  }

  /** Changes behaviors. If one is invalid, none is changed. */
  configure(behaviors: BehaviorsInput): void {
    const { next, changes } = changeBehaviors(this.core.behaviors, behaviors)
    const before = this.core.behaviors
    const { hosts } = this.core.cluster
    checkGutter(
      hosts.map(({ server }) => server),
      next,
    )
    if (this.#next !== undefined) checkGutter(parseServers(this.#next.servers), next)
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
   * Replaces the servers. During a handover, a new list waits until the handover ends, which is at
   * once if no value may move soon. A change without a handover does not wait: it ends the current
   * handover at once.
   */
  setServers(servers: Servers, options?: ChangeOptions): void {
    const { cluster } = this.core
    const list = parseServers(servers)
    checkGutter(list, this.core.behaviors)
    const change = changeOf(this.core.behaviors, options)
    this.#next = undefined
    clearTimeout(this.#timer)
    if (change !== undefined && cluster.handover !== undefined) {
      if (listText(list) !== placesOf(cluster)) this.#next = { servers, options }
      cluster.handover.want(list)
      return
    }
    this.#given = { servers, options }
    this.#apply(list, change)
    cluster.handovers.joining = change
  }

  #apply(list: readonly ServerAddress[], change: HandoverChange | undefined): void {
    const { cluster } = this.core
    const from = cluster.hosts.map((host) => host.name)
    const before = placesOf(cluster)
    cluster.setServers(list, change)
    const to = cluster.hosts.map((host) => host.name)
    if (placesOf(cluster) !== before) this.#announce({ changes: { servers: { from, to } } })
    this.#listener?.moved()
  }

  /** Looks up the server list now, at the source that the behavior `discovery` names. */
  async discover(options: OperationOptions = {}): Promise<void> {
    checkOptions('discover', options)
    const discovery = this.#discovery
    if (discovery !== undefined) {
      const late = (): MintringError => undiscovered(discovery.sourceName, options)
      return within(discovery.look(), options, late)
    }
    const message = 'discover() needs the behavior discovery, which names the source of the servers'
    throw new MintringError('MINTRING_BAD_ARGUMENT', message)
  }

  /** Marks the client closed and stops discovery. */
  close(): void {
    this.core.isClosed = true
    clearTimeout(this.#timer)
    this.#discovery?.close()
  }

  #handedOver(): void {
    const next = this.#next
    if (next !== undefined && !this.core.isClosed) this.setServers(next.servers, next.options)
  }

  /**
   * Uses the previous servers again, as the fleet does, and then the list that waits. If there is
   * none before all processes would have known of the change, begins the change again: the other
   * clients might not have been meant to go back.
   */
  #goBack(servers: readonly ServerAddress[], leftMs: number): void {
    // A handover that begins in a closed client would never end.
    if (this.core.isClosed) return
    const next = this.#next
    const wanted = next ?? this.#given
    this.#next = undefined
    this.#apply(servers, undefined)
    if (wanted === undefined || listText(parseServers(wanted.servers)) === listText(servers)) return
    const use = (): void => this.setServers(wanted.servers, wanted.options)
    if (next !== undefined) use()
    else this.#timer = setTimeout(use, leftMs).unref()
  }

  #adopt(behaviors: Behaviors): void {
    if (behaviors.hash !== undefined) void loadHash(behaviors.hash)
    const warnings = warningsOf(behaviors)
    // Deferred, so that the code that creates the client can add a listener first.
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
        // The first list is not a change of servers: the fleet existed before this process.
        try {
          this.setServers(servers, isFirst ? { handover: 0 } : undefined)
        } catch (error) {
          return warn(`${messageOf(error)}; the current servers stay in use`)
        }
        this.core.cluster.handovers.joining = changeOf(this.core.behaviors)
        isFirst = false
      },
      failed: (error) => warn(`${messageOf(error)}; the current servers stay in use`),
      flapping: () => warn('the server list keeps changing; it is applied once it stays the same'),
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

/** Returns how long close() waits, in ms. Throws MINTRING_BAD_ARGUMENT for invalid options. */
export function drainMsOf(options: CloseOptions | undefined): number {
  checkOptionNames('close', options, CLOSE_OPTIONS)
  const { drainMs = 1000 } = options ?? {}
  if (typeof drainMs === 'number' && drainMs >= 0) return drainMs
  const got = typeof drainMs === 'number' ? drainMs : kindOf(drainMs)
  throw badArgument(`close(): drainMs must be milliseconds, 0 or more, not ${got}`)
}

function undiscovered(source: string, { timeoutMs }: OperationOptions): MintringError {
  const message = `${source} returned no server list within the ${timeoutMs} ms of discover()`
  return new MintringError('MINTRING_TIMEOUT', message)
}

/** Throws MINTRING_BAD_BEHAVIOR if a host of the gutter is also one of the servers. */
function checkGutter(list: readonly ServerAddress[], { failover }: Behaviors): void {
  if (typeof failover === 'string') return
  const addresses = list.map((server) => addressOf(server))
  const gutter = parseServers(failover.gutter).map((server) => addressOf(server))
  const both = gutter.find((address) => addresses.includes(address))
  if (both === undefined) return
  throw badBehavior(
    `failover: the gutter has ${both}, which is one of the servers too. ` +
      'Its hosts must be others: they hold only keys of servers that are out',
  )
}

function placesOf({ hosts }: Cluster): string {
  return listText(hosts.map(({ server }) => server))
}

/** How many clients were created; the count is each client's id. */
let clients = 0

/**
 * Publishes each event to the client's listeners and to its channel. All clients share a channel,
 * so messages there include the client's id.
 */
function hooksOf(
  events: Events,
  client: string,
  lists: Pick<ClusterHooks, 'handedOver' | 'reversed'>,
): ClusterHooks {
  return {
    client,
    ...lists,
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
    },
    outdated(servers, next) {
      const message =
        `The other clients have moved from ${servers.join(', ')} to ${next.join(', ')}: this ` +
        'client misses the keys that moved, and rejects changes of them. Give it the new list'
      events.emit('warning', { message })
    },
    slow(message) {
      events.emit('slow', message)
      if (slowChannel.hasSubscribers) slowChannel.publish({ ...message, client })
    },
    invalidationsLost({ host, keys }) {
      const reason = `${keys} changes that the host missed did not fit in memory`
      const message = { event: 'invalidationsLost', host, reason }
      events.emit('invalidationsLost', message)
      if (refillChannel.hasSubscribers) refillChannel.publish({ ...message, client })
    },
  }
}
