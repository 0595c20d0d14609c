import type { Behaviors } from '../../behaviors/behaviors.ts'
import type { Discovery } from '../../behaviors/types.ts'
import { type After, within } from '../../deadline.ts'
import { MintringError } from '../../errors.ts'
import { listText, parseServers, type ServerAddress } from '../../hosts/address.ts'
import type { RingServer } from '../../ring/server.ts'
import { clearTimeout, setTimeout } from '../../runtime.ts'
import { Damper } from './damper.ts'
import { dnsSource } from './dns.ts'
import { endpointSource } from './endpoint.ts'
import type { Source } from './source.ts'

/** How often a source is asked by default. */
const DEFAULT_INTERVAL_MS = 60_000
/** How long a source may take by default: no longer than the interval, within these. */
const DEFAULT_TIMEOUT_MS = 5_000
const MIN_DEFAULT_TIMEOUT_MS = 1_000

/** When a watcher looks, and for how long. */
export interface WatcherTimes {
  /** From one answer to the next question. */
  readonly intervalMs: number
  /** How long one question may take. */
  readonly timeoutMs: number
}

/** What a watcher does with what it finds. */
export interface WatcherHooks {
  /** The list is another than before. */
  changed(servers: readonly ServerAddress[]): void
  /** The source gave nothing to use, so everything stays as it was. */
  failed(error: unknown): void
  /** The list keeps changing back and forth: it has to stay the same before it is followed. */
  flapping(): void
}

/** A server list, and the text by which it is told from others. */
interface Found {
  readonly servers: readonly ServerAddress[]
  readonly list: string
}

/** Follows a server list kept elsewhere. An empty or broken list changes nothing. */
export class DiscoveryWatcher {
  readonly #source: Source
  readonly #times: WatcherTimes
  readonly #hooks: WatcherHooks
  readonly #damper = new Damper()
  #timer: NodeJS.Timeout | undefined
  #deadlineTimer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** Found, and not followed because the list flaps. */
  #held: Found | undefined
  #ending = new AbortController()
  #isAsked = false
  #isClosed = false

  constructor(source: Source, times: WatcherTimes, hooks: WatcherHooks) {
    this.#source = source
    this.#times = times
    this.#hooks = hooks
  }

  /** Looks now and then again and again. */
  start(): void {
    void this.#look().catch(() => undefined)
  }

  /**
   * Looks now, and follows what is found even if the list flaps. Rejects when the source gave
   * nothing to use; calls at one time share one look.
   */
  look(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    this.#isAsked = true
    const looking = this.#look()
    // A caller waits: the process must not end before the deadline tells it.
    this.#deadlineTimer?.ref()
    return looking.then(() => {
      if (this.#held !== undefined && !this.#isClosed) this.#follow(this.#held)
    })
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#ending.abort()
  }

  #look(): Promise<void> {
    clearTimeout(this.#timer)
    this.#looking ??= this.#adopt().finally(() => {
      this.#looking = undefined
      this.#isAsked = false
      if (this.#isClosed) return
      this.#timer = setTimeout(() => this.start(), this.#times.intervalMs).unref()
    })
    return this.#looking
  }

  async #adopt(): Promise<void> {
    try {
      const servers = await this.#ask()
      const list = listText(servers)
      const verdict = this.#damper.judge(list)
      this.#held = verdict === 'wait' ? { servers, list } : undefined
      if (verdict === 'wait') this.#hooks.flapping()
      else if (verdict === 'follow') this.#follow({ servers, list })
    } catch (error) {
      if (this.#isClosed) throw closed()
      this.#hooks.failed(error)
      throw error
    }
  }

  #follow({ servers, list }: Found): void {
    this.#held = undefined
    this.#hooks.changed(servers)
    this.#damper.follow(list)
  }

  async #ask(): Promise<readonly ServerAddress[]> {
    this.#ending = new AbortController()
    const { signal } = this.#ending
    const { timeoutMs } = this.#times
    const answer = Promise.resolve().then(() => this.#source(signal))
    try {
      const late = (): MintringError =>
        new MintringError('MINTRING_TIMEOUT', `no list of servers after ${timeoutMs} ms`)
      return checked(await within(answer, { signal, timeoutMs }, late, this.#after))
    } finally {
      this.#ending.abort()
    }
  }

  readonly #after: After = (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    if (!this.#isAsked) timer.unref()
    this.#deadlineTimer = timer
    return { cancel: () => clearTimeout(timer) }
  }
}

/** A watcher of what the behavior `discovery` names. */
export function watcherFor(
  discovery: Discovery,
  behaviors: () => Behaviors,
  hooks: WatcherHooks,
): DiscoveryWatcher {
  const { intervalMs = DEFAULT_INTERVAL_MS } = discovery
  const shortened = Math.min(DEFAULT_TIMEOUT_MS, Math.max(MIN_DEFAULT_TIMEOUT_MS, intervalMs))
  const { timeoutMs = shortened } = discovery
  return new DiscoveryWatcher(sourceOf(discovery, behaviors), { intervalMs, timeoutMs }, hooks)
}

function sourceOf(discovery: Discovery, behaviors: () => Behaviors): Source {
  if ('endpoint' in discovery) return endpointSource(discovery.endpoint, behaviors)
  if ('dns' in discovery) return dnsSource(discovery.dns, discovery.port)
  return async (signal) => discovery.servers({ signal })
}

function checked(servers: readonly RingServer[]): readonly ServerAddress[] {
  if (!Array.isArray(servers)) {
    throw new MintringError('MINTRING_BAD_SERVER', 'discovery.servers() must answer an array')
  }
  if (servers.length > 0) return parseServers(servers)
  throw new MintringError('MINTRING_NO_SERVERS', 'Discovery found no servers')
}

function closed(): MintringError {
  return new MintringError('MINTRING_CLOSED', 'The client was closed')
}
