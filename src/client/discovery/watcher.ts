import type { Behaviors } from '../../behaviors/behaviors.ts'
import type { Discovery } from '../../behaviors/types.ts'
import { MintringError } from '../../errors.ts'
import { identityOf, parseServers, type ServerAddress } from '../../hosts/address.ts'
import { dnsSource } from './dns.ts'
import { endpointSource } from './endpoint.ts'
import type { Source } from './source.ts'

/** How often a source is asked when nobody says. */
const DEFAULT_INTERVAL_MS = 60_000

/** What a watcher does with what it finds. */
export interface WatcherHooks {
  /** The list is another than before. */
  changed(servers: readonly ServerAddress[]): void
  /** The source gave nothing to use, so everything stays as it was. */
  failed(error: unknown): void
}

/** Follows a server list that somebody else keeps. An empty or broken list changes nothing. */
export class DiscoveryWatcher {
  readonly #source: Source
  readonly #intervalMs: number
  readonly #hooks: WatcherHooks
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #known = ''
  #isClosed = false

  constructor(source: Source, intervalMs: number, hooks: WatcherHooks) {
    this.#source = source
    this.#intervalMs = intervalMs
    this.#hooks = hooks
  }

  /** Looks now and then again and again. */
  start(): void {
    void this.look().catch(() => undefined)
  }

  /** Looks now. Rejects when the source gave nothing to use; calls at one time share one look. */
  look(): Promise<void> {
    clearTimeout(this.#timer)
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
      if (this.#isClosed) return
      this.#timer = setTimeout(() => this.start(), this.#intervalMs).unref()
    })
    return this.#looking
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    try {
      const found = await this.#source()
      if (found === undefined || this.#isClosed) return
      if (found.length === 0) {
        throw new MintringError('MINTRING_NO_SERVERS', 'Discovery found no servers')
      }
      const servers = parseServers(found)
      const known = servers.map((server) => `${identityOf(server)}*${server.weight}`).join()
      if (known === this.#known) return
      this.#hooks.changed(servers)
      this.#known = known
    } catch (error) {
      if (!this.#isClosed) this.#hooks.failed(error)
      throw error
    }
  }
}

/** A watcher of what the behavior `discovery` names. */
export function watcherFor(
  discovery: Discovery,
  behaviors: Behaviors,
  hooks: WatcherHooks,
): DiscoveryWatcher {
  const { intervalMs = DEFAULT_INTERVAL_MS } = discovery
  return new DiscoveryWatcher(sourceOf(discovery, behaviors), intervalMs, hooks)
}

function sourceOf(discovery: Discovery, behaviors: Behaviors): Source {
  if ('endpoint' in discovery) return endpointSource(discovery.endpoint, behaviors)
  if ('dns' in discovery) return dnsSource(discovery.dns, discovery.port)
  return async () => {
    const servers: unknown = await discovery.servers()
    if (Array.isArray(servers)) return servers
    throw new MintringError('MINTRING_BAD_SERVER', 'discovery.servers() must answer an array')
  }
}
