import type { EventEmitter } from 'node:events'
import { isMintringError, type MintringError } from '../../errors.ts'
import { unixMs } from '../../runtime.ts'
import type { NpmClient } from './client.ts'
import { npmRefusal, systemErrorOf } from './errors.ts'
import type { EventName, IssueInfo } from './types.ts'

/** A Memcached: emits the events; `failures` is how many failures make a server dead. */
type Emitter = EventEmitter & { readonly failures?: unknown }

/** The history of one server since the first client was created. */
interface Record {
  attempted: number
  succeeded: number
  failures: number
  outSinceMs: number | undefined
  messages: string[]
}

/** Bounds the messages per server: `memcached` keeps all of them while a server is down. */
const MAX_MESSAGES = 20

/** Error codes that indicate a problem of the server rather than of the command. */
const ISSUES: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_PROTOCOL',
  'MINTRING_TIMEOUT',
])

/**
 * Emits the events of the npm package `memcached` from the events of a mintring client:
 * - `issue`: a command failed on a server.
 * - `failure`, and with the option `remove` also `remove`: a server was ejected.
 * - `reconnecting`: the client probes an ejected server.
 * - `reconnect`: the server returned.
 */
export class HealthEvents {
  private readonly emitter: Emitter
  private readonly records = new Map<string, Record>()

  constructor(emitter: Emitter) {
    this.emitter = emitter
  }

  /** Emits the events of a client's servers, and calls `onRemoved` for each ejected server. */
  follow(client: NpmClient, onRemoved: ((server: string) => void) | undefined): void {
    client.cache.on('eject', ({ host }) => {
      this.recordOf(host).outSinceMs ??= unixMs()
      this.note(host, client.lastErrorOf(host))
      this.tell('failure', host)
      if (onRemoved === undefined) return
      this.tell('remove', host)
      onRemoved(host)
    })
    client.cache.on('probe', ({ host, ok }) => {
      this.recordOf(host).attempted++
      if (!ok) this.note(host, client.lastErrorOf(host))
      this.tell('reconnecting', host)
    })
    client.cache.on('return', ({ host }) => {
      const record = this.recordOf(host)
      record.succeeded++
      this.tell('reconnect', host)
      Object.assign(record, { outSinceMs: undefined, messages: [], failures: 0 })
    })
  }

  /** Emits `issue` for a failed command if the server caused the failure. */
  report(error: unknown): void {
    if (!isMintringError(error) || error.host === undefined || !isIssue(error)) return
    this.recordOf(error.host).failures++
    this.note(error.host, error)
    this.tell('issue', error.host)
  }

  private recordOf(host: string): Record {
    const found = this.records.get(host)
    if (found !== undefined) return found
    const record = { attempted: 0, succeeded: 0, failures: 0, outSinceMs: undefined, messages: [] }
    this.records.set(host, record)
    return record
  }

  private note(host: string, error: MintringError | undefined): void {
    const { messages } = this.recordOf(host)
    const message = error === undefined ? 'No message specified' : reasonOf(error)
    if (messages.at(-1) !== message) messages.push(message)
    if (messages.length > MAX_MESSAGES) messages.shift()
  }

  private tell(event: EventName, server: string): void {
    const { attempted, succeeded, failures, outSinceMs, messages } = this.recordOf(server)
    const details: IssueInfo = {
      server,
      tokens: tokensOfServer(server) as [string, string],
      messages: [...messages],
      // In `memcached`, `failures` counts down to 0, where the server is dead.
      failures: Math.max(0, Number(this.emitter.failures) - failures),
      totalFailures: failures,
      totalReconnectsAttempted: attempted,
      totalReconnectsSuccess: succeeded,
      totalReconnectsFailed: attempted - succeeded,
      totalDownTime: outSinceMs === undefined ? 0 : unixMs() - outSinceMs,
    }
    this.emitter.emit(event, details)
  }
}

/** Whether the server caused the failure; `memcached` includes SERVER_ERROR. */
function isIssue(error: MintringError): boolean {
  if (error.code !== 'MINTRING_REFUSED') return ISSUES.has(error.code)
  return /\bSERVER_ERROR\b/.test(error.message)
}

/** Returns why a server failed, in the wording of `memcached`. */
function reasonOf(error: MintringError): string {
  if (error.code === 'MINTRING_REFUSED') return npmRefusal(error.message) ?? error.message
  return String(systemErrorOf(error) ?? error.message)
}

/** Splits `host:port` into `[port, host]`; returns `[path]` for a Unix socket. */
export function tokensOfServer(server: string): string[] {
  if (server.startsWith('/')) return [server]
  const [, host = server, port = '11211'] = /^(.*):(\d+)$/.exec(server) ?? []
  return [port, host]
}
