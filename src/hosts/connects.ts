import type { Socket } from 'node:net'
import { connectTrace, type EndTrace } from '../channels.ts'
import { isMintringError, systemCodeOf } from '../errors.ts'
import { performance } from '../runtime.ts'
import { placeOf, type ServerAddress } from './address.ts'
import type { ClusterPolicy } from './policy.ts'

/** What the records of a host's connections say. */
interface Connecting {
  readonly server: ServerAddress
  readonly settings: ClusterPolicy
  readonly hooks: { readonly client?: string }
}

/** What a dial fails with where no process listens; the second is that of a Unix socket. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT'])

/** Whether a dial failed because no process listens there. */
export function isRefusal(error: unknown): boolean {
  return isMintringError(error) && REFUSALS.has(systemCodeOf(error.cause))
}

/** Traces the connections of one host, each from its dial until its handshake has ended. */
export class Connects {
  readonly #ends = new Map<object, EndTrace>()
  /** When the last dial began that was refused, on the clock of `performance.now()`. */
  refusedMs = Number.NEGATIVE_INFINITY

  /** Dials for a connection, and traces it if there is a subscriber. */
  dial(
    connection: object,
    { server, settings, hooks }: Connecting,
    dial: () => Promise<Socket>,
  ): Promise<Socket> {
    const startMs = performance.now()
    const socket = dial()
    socket.catch((error: unknown) => {
      if (isRefusal(error)) this.refusedMs = startMs
    })
    if (!connectTrace.hasSubscribers) return socket
    const { client } = hooks
    const tls = Boolean(server.tls ?? settings.tls)
    const message = { host: server.label, client, ...placeOf(server), tls }
    const end = connectTrace.begin(message, () => 'ok')
    this.#ends.set(connection, end)
    socket.catch((error: unknown) => end({ error }))
    return socket
  }

  /** Records that a connection can be used, or why it ended before. */
  ended(connection: object, failure?: { readonly error: unknown }): void {
    this.#ends.get(connection)?.(failure)
    this.#ends.delete(connection)
  }
}
