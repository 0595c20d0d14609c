import type { EventEmitter } from 'node:events'
import type { MemcachedClient } from '../../client/client.ts'
import { isMintringError } from '../../errors.ts'

/** What listeners of `issue`, `failure`, `remove`, `reconnecting` and `reconnect` are told. */
export interface HealthDetails {
  readonly server: string
  /** Port and host. */
  readonly tokens: readonly string[]
  readonly messages: readonly string[]
  /** How often in a row the server failed, where that is known. */
  readonly failures?: number | undefined
  readonly totalReconnectsAttempted: number
  readonly totalReconnectsSuccess: number
  readonly totalReconnectsFailed: number
  /** For how long the server has been out, in ms. */
  readonly totalDownTime: number
}

/** What happened to one server since the client was made. */
interface Record {
  attempted: number
  succeeded: number
  outSinceMs: number | undefined
}

/** The failures that say something of the server, rather than of the command. */
const ISSUES: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_PROTOCOL',
  'MINTRING_TIMEOUT',
])

/**
 * The events of the npm package `memcached` from those of a mintring client. `issue`: a command
 * failed on a server. `failure`, and with its option `remove` also `remove`: a server left the
 * ring.
 * `reconnecting`: it is tried again. `reconnect`: it is back.
 */
export class HealthEvents {
  readonly #emitter: EventEmitter
  readonly #records = new Map<string, Record>()

  constructor(client: MemcachedClient, emitter: EventEmitter, removes: boolean) {
    this.#emitter = emitter
    client.on('eject', ({ host, reason = 'the server is not available', failures }) => {
      this.#recordOf(host).outSinceMs ??= Date.now()
      const details = this.#detailsOf(host, reason, failures)
      emitter.emit('failure', details)
      if (removes) emitter.emit('remove', details)
    })
    client.on('probe', ({ host, reason = '' }) => {
      this.#recordOf(host).attempted++
      emitter.emit('reconnecting', this.#detailsOf(host, reason))
    })
    client.on('return', ({ host }) => {
      const record = this.#recordOf(host)
      record.succeeded++
      emitter.emit('reconnect', this.#detailsOf(host, ''))
      record.outSinceMs = undefined
    })
  }

  /** Tells of a failed command, if its server is to blame. */
  report(error: unknown): void {
    if (!isMintringError(error) || error.host === undefined || !ISSUES.has(error.code)) return
    this.#emitter.emit('issue', this.#detailsOf(error.host, error.message))
  }

  #recordOf(host: string): Record {
    const record = this.#records.get(host) ?? { attempted: 0, succeeded: 0, outSinceMs: undefined }
    this.#records.set(host, record)
    return record
  }

  #detailsOf(server: string, message: string, failures?: number): HealthDetails {
    const { attempted, succeeded, outSinceMs } = this.#recordOf(server)
    const [, host = server, port] = /^(.*):(\d+)$/.exec(server) ?? []
    return {
      server,
      tokens: port === undefined ? [host] : [port, host],
      messages: message === '' ? [] : [message],
      failures,
      totalReconnectsAttempted: attempted,
      totalReconnectsSuccess: succeeded,
      totalReconnectsFailed: attempted - succeeded,
      totalDownTime: outSinceMs === undefined ? 0 : Date.now() - outSinceMs,
    }
  }
}
