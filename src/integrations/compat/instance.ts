import type { EventEmitter } from 'node:events'
import type { MemcachedClient } from '../../client/client.ts'
import type { NpmEngine } from './engine.ts'
import type { Callback, Query } from './query.ts'
import type { ClientOptions, Commands, ServerCommands } from './types.ts'

/** Where an instance keeps its engine. */
export const ENGINE: unique symbol = Symbol('mintring.compat.engine')

/** The placement of keys, as tracing packages ask for it. */
export interface HashRing {
  /** The server of a key, as it was listed. */
  get(key: string): string | undefined
  /** The `size` servers that a key goes to, one after the other. */
  range(key: string, size?: number, unique?: boolean): string[]
  /** Whether a server is on the ring. */
  has(server: string): boolean
}

/** What `connect` calls back with: where a server is, not a socket. */
export interface ServerHandle {
  readonly serverAddress: string
  /** Port and host. */
  readonly tokens: string[]
  readonly readyState: 'open'
  /** Does nothing: connections are the client's. */
  end(): void
}

/** What `connect` calls back with; `connection` is there where the server answered. */
export type Connected = (error: unknown, connection: ServerHandle) => void

/** A client, as the npm package `memcached` has it. */
export interface Instance extends EventEmitter, Commands, ServerCommands, ClientOptions {
  /** The servers, as they were listed. */
  readonly servers: string[]
  /** The mintring client underneath, for what callbacks cannot say; a new one after `end()`. */
  readonly client: MemcachedClient
  /** Where keys live while every server is there. */
  readonly HashRing: HashRing
  /** Where connections were asked for, by `host:port`. */
  readonly connections: Record<string, ServerHandle>
  /** How many commands are under way. */
  activeQueries: number
  /**
   * Does a command: `compile` describes it. Every method goes through here, so this is where
   * tracing packages listen. A command of your own goes to the server as its `command` says.
   */
  command(compile: () => Query, server?: string): void
  /** Asks a server whether it is there. */
  connect(server: string, callback: Connected): void
  /** Calls back for every server with the keys that live there; for all servers without keys. */
  multi(
    keys: readonly string[] | false | undefined,
    callback: (
      this: Instance,
      server: string,
      keys: string[] | undefined,
      index: number,
      total: number,
    ) => void,
  ): void
  /** Closes all connections; what is under way may finish, and later calls open new ones. */
  end(): void
  /** @internal */
  readonly [ENGINE]: NpmEngine
}

/** A callback, whatever it is typed as; undefined for what cannot be called. */
export function callable(callback: unknown): Callback | undefined {
  return typeof callback === 'function' ? (callback as Callback) : undefined
}
