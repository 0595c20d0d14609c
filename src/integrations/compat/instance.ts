import type { EventEmitter } from 'node:events'
import type { MemcachedClient } from '../../client/client.ts'
import type { NpmEngine } from './engine.ts'
import type { Callback, Query } from './query.ts'
import type { ClientOptions, Commands, ServerCommands } from './types.ts'

/** The property that holds the engine of an instance. */
export const ENGINE: unique symbol = Symbol('mintring.compat.engine')

/** Shows which server a key is on. Tracing packages for `memcached` read it. */
export interface HashRing {
  /** Returns the server of a key, as written in the list. */
  get(key: string): string | undefined
  /** Returns the first `size` servers for a key: its own, then its fallbacks. */
  range(key: string, size?: number, unique?: boolean): string[]
  /** Whether a server is on the ring. */
  has(server: string): boolean
}

/** A description of a connection, which `connect` passes to its callback instead of a socket. */
export interface ServerHandle {
  readonly serverAddress: string
  /** Port and host. */
  readonly tokens: string[]
  readonly readyState: 'open'
  /** Does nothing: the client owns the connections. */
  end(): void
}

/** The callback of `connect`; `error` is set when the server did not reply. */
export type Connected = (error: unknown, connection: ServerHandle) => void

/** A client with the properties and methods of the npm package `memcached`. */
export interface Instance extends EventEmitter, Commands, ServerCommands, ClientOptions {
  /** The servers, as written in the list. */
  readonly servers: string[]
  /** The mintring client underneath, for what this API lacks. A new client after `end()`. */
  readonly client: MemcachedClient
  /** The placement of keys while every server is up. */
  readonly HashRing: HashRing
  /** The servers that connect() was called for, by `host:port`. */
  readonly connections: Record<string, ServerHandle>
  /** The number of pending commands. */
  activeQueries: number
  /**
   * Runs the command that `compile` returns. Every method calls it, so tracing packages wrap it. A
   * command compiled by your own code is sent exactly as its `command` text says.
   */
  command(compile: () => Query, server?: string): void
  /** Checks whether a server replies. */
  connect(server: string, callback: Connected): void
  /** Calls back for each server with its keys; without keys, for all servers. */
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
  /** Closes all connections once pending commands have finished; later calls open new ones. */
  end(): void
  /** @internal */
  readonly [ENGINE]: NpmEngine
}

/** Returns `callback` if it is a function, whatever its declared type, else undefined. */
export function callable(callback: unknown): Callback | undefined {
  return typeof callback === 'function' ? (callback as Callback) : undefined
}
