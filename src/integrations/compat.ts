/**
 * `mintring/compat`: the callback API of the npm package `memcached`.
 * @module compat
 */
import { EventEmitter } from 'node:events'
import { badArgument } from '../arguments.ts'
import { kindOf } from '../secrets.ts'
import { road } from './compat/command.ts'
import { keyCommands } from './compat/commands.ts'
import { NpmEngine } from './compat/engine.ts'
import { ENGINE, type HashRing, type Instance } from './compat/instance.ts'
import { serverCommands } from './compat/server-commands.ts'
import { defaultOptions, locationsOf } from './compat/settings.ts'
import type * as types from './compat/types.ts'

/** A client with the callback API of the npm package `memcached`. */
export interface Memcached extends Instance {}

/** Creates clients, with or without `new`; classes may extend it. */
export interface MemcachedConstructor {
  /**
   * `locations`: `'host:port'`, an array of them, or `{ 'host:port': weight }`; localhost by
   * default. Throws MINTRING_BAD_ARGUMENT, _BAD_SERVER and _BAD_BEHAVIOR. Ignores unknown options,
   * as `memcached` does.
   */
  new (locations?: types.Locations | readonly string[], options?: types.ClientOptions): Memcached
  /** Creates a client when the class is called without `new`; takes the same arguments. */
  (locations?: types.Locations | readonly string[], options?: types.ClientOptions): Memcached
  /** The methods, for code that wraps them. */
  readonly prototype: Memcached
  /** Default options of every client created from now on; a client's own options override them. */
  config: types.ClientOptions
}

/** The types of `@types/memcached`, under the same names. */
export declare namespace Memcached {
  /** The type of `this` in a callback. */
  type CommandData = types.CommandInfo
  /** The details that events pass to their listeners. */
  type IssueData = types.IssueInfo
  /** Statistics of a server. */
  type StatusData = types.StatusInfo
  /** The version of a server. */
  type VersionData = types.VersionInfo
  /** An item in the result of `cachedump`. */
  type CacheDumpData = types.CacheDumpItem
  /** The names of the events. */
  type EventNames = types.EventName
  /** The addresses of the servers. */
  type Location = types.Locations
  /** Options of a client. */
  type options = types.ClientOptions
}

/**
 * The callback API of the npm package `memcached` (2.2.2) on a mintring client: the same methods,
 * options, key placement and stored values, for code and packages that expect it.
 * `const { Memcached } = require('mintring/compat')` replaces `require('memcached')`.
 *
 * A miss calls back with `undefined`, a missing counter or key with `false`, and NOT_STORED with an
 * error that has `notStored: true`. Without a callback a command still runs, and its outcome is
 * ignored.
 */
export const Memcached: MemcachedConstructor = makeConstructor()

function makeConstructor(): MemcachedConstructor {
  // A function, not a class: callers omit `new`, and util.inherits calls it with their `this`.
  function Memcached(this: unknown, locations?: unknown, options: object = {}): unknown {
    if (!(this instanceof Memcached)) return Reflect.construct(Memcached, [locations, options])
    if (typeof options !== 'object') {
      throw badArgument(
        `The options must be an object, such as { timeout: 500 }, not ${kindOf(options)}`,
      )
    }
    begin(this as Instance, locations, Memcached.config, options ?? {})
    return undefined
  }
  Memcached.config = { ...defaultOptions }
  Object.setPrototypeOf(Memcached.prototype, EventEmitter.prototype)
  Object.assign(Memcached.prototype, road, keyCommands, serverCommands, {
    end(this: Instance): void {
      this[ENGINE].end()
    },
  })
  Object.defineProperty(Memcached.prototype, 'client', { get: clientOf, set: () => {} })
  return Memcached as unknown as MemcachedConstructor
}

function begin(self: Instance, locations: unknown, config: object, given: object): void {
  Reflect.apply(EventEmitter as unknown as () => void, self, [])
  const options = withInherited(given)
  Object.assign(self, defaultOptions, config, options)
  const engine = new NpmEngine(self, locations, config, options)
  Object.defineProperty(self, ENGINE, { value: engine })
  const servers = locationsOf(locations)
  Object.assign(self, {
    servers,
    HashRing: hashRingOf(engine),
    connections: Object.create(null),
    issues: [],
  })
}

/** Copies inherited options too, as `memcached` does. */
function withInherited(options: object): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const name in options) all[name] = options[name as keyof typeof options]
  return all
}

function clientOf(this: Instance): Instance['client'] {
  return this[ENGINE].client.cache
}

function hashRingOf({ ring }: NpmEngine): HashRing {
  const names = ring.servers.map(({ name }) => name)
  return {
    get: (key) => ring.locate(String(key)).server.name,
    has: (server) => names.includes(server),
    range: (key, size = names.length) => {
      const home = ring.locate(String(key))
      const others = names.slice(1).map((_, index) => home.fallback(index + 1)?.name)
      return [home.server.name, ...others].filter((name) => name !== undefined).slice(0, size)
    },
  }
}
