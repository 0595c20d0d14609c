import type { Socket } from 'node:net'
import { connectTrace, type EndTrace } from '../channels.ts'
import { placeOf, type ServerAddress } from './address.ts'
import type { ClusterPolicy } from './policy.ts'

/** What the records of a host's connections say. */
interface Connecting {
  readonly server: ServerAddress
  readonly settings: ClusterPolicy
  readonly hooks: { readonly client?: string }
}

/** Traces the connections of one host, each from its dial until its handshake has ended. */
export class Connects {
  readonly #ends = new Map<object, EndTrace>()

  /** Dials for a connection, and traces it if there is a subscriber. */
  dial(
    connection: object,
    { server, settings, hooks }: Connecting,
    dial: () => Promise<Socket>,
  ): Promise<Socket> {
    const socket = dial()
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
