import type { Behaviors } from '../../behaviors/behaviors.ts'
import type { Discovery } from '../../behaviors/types.ts'
import { type After, within } from '../../deadline.ts'
import { isMintringError, MintringError, messageOf, systemCodeOf } from '../../errors.ts'
import { addressOf, listText, parseServers, type ServerAddress } from '../../hosts/address.ts'
import type { RingServer } from '../../ring/server.ts'
import { clearTimeout, setTimeout } from '../../runtime.ts'
import { withoutCredentials } from '../../secrets.ts'
import { Damper } from './damper.ts'
import { dnsSource } from './dns.ts'
import { endpointSource } from './endpoint.ts'
import type { Source } from './source.ts'

/** The default interval between two lookups. */
const DEFAULT_INTERVAL_MS = 60_000
/** The default timeout of a lookup: the interval, within these two limits. */
const DEFAULT_TIMEOUT_MS = 5_000
const MIN_DEFAULT_TIMEOUT_MS = 1_000

/** The interval and the timeout of a watcher's lookups. */
export interface WatcherTimes {
  /** The pause from the end of one lookup to the start of the next. */
  readonly intervalMs: number
  /** The timeout of one lookup. */
  readonly timeoutMs: number
}

/** What a watcher calls after a lookup. */
export interface WatcherHooks {
  /** Called when the list has changed. */
  changed(servers: readonly ServerAddress[]): void
  /** Called when the lookup failed; the current list stays in use. */
  failed(error: MintringError): void
  /** Called when the list keeps changing back and forth; it is applied once it stays the same. */
  flapping(): void
}

/** A server list, and its text for comparison. */
interface Found {
  readonly servers: readonly ServerAddress[]
  readonly list: string
}

/** Polls a source for the server list and applies it. Ignores an empty or invalid list. */
export class DiscoveryWatcher {
  readonly #source: Source
  readonly #times: WatcherTimes
  readonly #hooks: WatcherHooks
  readonly #damper = new Damper()
  #timer: NodeJS.Timeout | undefined
  #deadlineTimer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** The last list, if it was not applied because the list keeps changing. */
  #held: Found | undefined
  #ending = new AbortController()
  #isAsked = false
  #isClosed = false

  /** The source, for messages: the subject of a sentence. */
  readonly sourceName: string

  constructor(source: Source, times: WatcherTimes, hooks: WatcherHooks, sourceName: string) {
    this.sourceName = sourceName
    this.#source = source
    this.#times = times
    this.#hooks = hooks
  }

  /** Starts polling. */
  start(): void {
    void this.#look().catch(() => undefined)
  }

  /**
   * Looks up the list now, and applies it even if it keeps changing. Rejects if the lookup fails.
   * Concurrent calls share one lookup.
   */
  look(): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    this.#isAsked = true
    const looking = this.#look()
    // A caller awaits this lookup, so the process must not exit before its timeout.
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
      const failure = failed(error)
      this.#hooks.failed(failure)
      throw failure
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
        new MintringError(
          'MINTRING_TIMEOUT',
          `${this.sourceName} returned no server list within ${timeoutMs} ms`,
        )
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

/** Creates a watcher of the source that the behavior `discovery` names. */
export function watcherFor(
  discovery: Discovery,
  behaviors: () => Behaviors,
  hooks: WatcherHooks,
): DiscoveryWatcher {
  const { intervalMs = DEFAULT_INTERVAL_MS } = discovery
  const shortened = Math.min(DEFAULT_TIMEOUT_MS, Math.max(MIN_DEFAULT_TIMEOUT_MS, intervalMs))
  const { timeoutMs = shortened } = discovery
  const times = { intervalMs, timeoutMs }
  return new DiscoveryWatcher(sourceOf(discovery, behaviors), times, hooks, nameOf(discovery))
}

/** Names the source for messages, without credentials. */
function nameOf(discovery: Discovery): string {
  if ('endpoint' in discovery) {
    return `The endpoint ${parseServers(discovery.endpoint).map(addressOf).join(', ')}`
  }
  return 'dns' in discovery ? `DNS for ${discovery.dns}` : 'The function discovery.servers'
}

function sourceOf(discovery: Discovery, behaviors: () => Behaviors): Source {
  if ('endpoint' in discovery) return endpointSource(discovery.endpoint, behaviors)
  if ('dns' in discovery) return dnsSource(discovery.dns, discovery.port)
  return async (signal) => discovery.servers({ signal })
}

function checked(servers: readonly RingServer[]): readonly ServerAddress[] {
  if (!Array.isArray(servers)) {
    throw new MintringError('MINTRING_BAD_SERVER', 'discovery.servers() must return an array')
  }
  if (servers.length > 0) return parseServers(servers)
  throw new MintringError('MINTRING_NO_SERVERS', 'Discovery found no servers')
}

/** Returns the error of a lookup. The cause loses credentials that its message shows. */
function failed(error: unknown): MintringError {
  if (isMintringError(error)) return error
  const message = withoutCredentials(messageOf(error))
  const isClean = message === messageOf(error)
  const cause = isClean ? error : Object.assign(new Error(message), { code: systemCodeOf(error) })
  return new MintringError('MINTRING_CONNECTION', `The lookup failed: ${message}`, { cause })
}

function closed(): MintringError {
  return new MintringError('MINTRING_CLOSED', 'The client was closed')
}
