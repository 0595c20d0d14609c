import type { EventEmitter } from 'node:events'
import type { MemcachedClient } from '../../client/client.ts'
import { isMintringError } from '../../errors.ts'
import type { EventNames, IssueData } from './types.ts'

/** What happened to one server since the first client was made. */
interface Record {
  attempted: number
  succeeded: number
  failures: number
  outSinceMs: number | undefined
  messages: string[]
}

/** That package keeps every message for as long as a server is out. */
const MAX_MESSAGES = 20

/** The failures that say something of the server, rather than of the command. */
const ISSUES: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_PROTOCOL',
  'MINTRING_TIMEOUT',
])

/**
 * The events of the npm package `memcached` from those of a mintring client. `issue`: a command
 * failed on a server. `failure`, and with its option `remove` also `remove`: a server left the
 * ring. `reconnecting`: it is tried again. `reconnect`: it is back.
 */
export class HealthEvents {
  private readonly emitter: EventEmitter
  private readonly records = new Map<string, Record>()

  constructor(emitter: EventEmitter) {
    this.emitter = emitter
  }

  /** Tells of a client's servers. `onRemoved` is told of those that left, with `remove`. */
  follow(client: MemcachedClient, onRemoved: ((server: string) => void) | undefined): void {
    client.on('eject', ({ host, reason = 'the server is not available' }) => {
      this.recordOf(host).outSinceMs ??= Date.now()
      this.note(host, reason)
      this.tell('failure', host)
      if (onRemoved === undefined) return
      this.tell('remove', host)
      onRemoved(host)
    })
    client.on('probe', ({ host, reason = '' }) => {
      this.recordOf(host).attempted++
      this.note(host, reason)
      this.tell('reconnecting', host)
    })
    client.on('return', ({ host }) => {
      const record = this.recordOf(host)
      record.succeeded++
      this.tell('reconnect', host)
      Object.assign(record, { outSinceMs: undefined, messages: [], failures: 0 })
    })
  }

  /** Tells of a failed command, if its server is to blame. */
  report(error: unknown): void {
    if (!isMintringError(error) || error.host === undefined || !ISSUES.has(error.code)) return
    this.recordOf(error.host).failures++
    this.note(error.host, error.message)
    this.tell('issue', error.host)
  }

  private recordOf(host: string): Record {
    const found = this.records.get(host)
    if (found !== undefined) return found
    const record = { attempted: 0, succeeded: 0, failures: 0, outSinceMs: undefined, messages: [] }
    this.records.set(host, record)
    return record
  }

  private note(host: string, message: string): void {
    const { messages } = this.recordOf(host)
    if (message !== '' && messages.at(-1) !== message) messages.push(message)
    if (messages.length > MAX_MESSAGES) messages.shift()
  }

  private tell(event: EventNames, server: string): void {
    const { attempted, succeeded, failures, outSinceMs, messages } = this.recordOf(server)
    const details: IssueData = {
      server,
      tokens: tokensOf(server) as [string, string],
      messages: [...messages],
      failures,
      totalFailures: failures,
      totalReconnectsAttempted: attempted,
      totalReconnectsSuccess: succeeded,
      totalReconnectsFailed: attempted - succeeded,
      totalDownTime: outSinceMs === undefined ? 0 : Date.now() - outSinceMs,
    }
    this.emitter.emit(event, details)
  }
}

/** `host:port` as port and host; a path alone. */
export function tokensOf(server: string): string[] {
  if (server.startsWith('/')) return [server]
  const [, host = server, port = '11211'] = /^(.*):(\d+)$/.exec(server) ?? []
  return [port, host]
}
