/**
 * `mintring/session`: sessions of express-session and @fastify/session.
 * @module session
 */

import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { nextTick } from '../runtime.ts'
import {
  ANY_CALLBACK,
  type Argument,
  type Arguments,
  argument,
  CALLBACK,
  checkAdapter,
  checkCalls,
  PREFIX,
  SECONDS,
  unless,
} from './adapter-arguments.ts'
import type { Lifetime } from './lifetime.ts'
import { lifetimeOfMs, lifetimeOfSeconds } from './lifetime.ts'
import { checkPeer } from './peer.ts'
import { safeKey } from './safe-key.ts'

/** A session as express-session and @fastify/session store it: JSON data with its cookie. */
export interface StoredSession {
  /** The cookie, which determines how long the session lives. */
  readonly cookie?: {
    /** Milliseconds left to live. */
    readonly maxAge?: number | null | undefined
    /** Milliseconds to live when the cookie was created. */
    readonly originalMaxAge?: number | null | undefined
    /** When the cookie expires. */
    readonly expires?: Date | string | null | undefined
  }
}

/** Options of a session store. */
export interface SessionStoreOptions {
  /** The prefix of every session id. Default `sess:`. */
  readonly prefix?: string
  /** The lifetime of sessions whose cookie has none, in seconds. Default 86,400 (a day). */
  readonly ttl?: number
}

/** A Node callback: an error, or null and the result. */
export type SessionCallback<T = void> = (error: unknown, result?: T) => void

/** The methods that express-session and @fastify/session call. */
export interface SessionCalls {
  /** Reads a session, or null. */
  // biome-ignore lint/suspicious/noExplicitAny: each framework has a session type of its own.
  get(id: string, done: SessionCallback<any>): void
  /** Stores a session for as long as its cookie lives. */
  set(id: string, session: StoredSession, done?: SessionCallback): void
  /** Deletes a session. */
  destroy(id: string, done?: SessionCallback): void
  /** Extends a session's lifetime without writing it. */
  touch(id: string, session: StoredSession, done?: SessionCallback): void
  /** Fails with MINTRING_UNSUPPORTED: memcached cannot list keys. */
  all(done: SessionCallback<never>): void
  /** Fails with MINTRING_UNSUPPORTED: memcached cannot count the keys of a prefix. */
  length(done: SessionCallback<never>): void
  /** Fails with MINTRING_UNSUPPORTED: change `prefix` to end all sessions. */
  clear(done?: SessionCallback): void
}

const DAY_SECONDS = 86_400

const ID: Argument = argument(
  'session id',
  unless((given) => typeof given === 'string', 'text'),
)

/** A session, with a cookie whose lifetime is valid. */
const SESSION: Argument = (given, verb) => {
  argument('session', unless(isObject, 'an object'))(given, verb)
  lifetimeOf(given as StoredSession, undefined)
}

const ARGUMENTS: Arguments<SessionCalls> = {
  get: [ID, CALLBACK],
  set: [ID, SESSION, ANY_CALLBACK],
  destroy: [ID, ANY_CALLBACK],
  touch: [ID, SESSION, ANY_CALLBACK],
  all: [CALLBACK],
  length: [CALLBACK],
  clear: [ANY_CALLBACK],
}

function isObject(given: unknown): boolean {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

/**
 * Returns a session store for `@fastify/session`: `store: sessionStore(client)`.
 * `expressSessionStore` uses the same methods. The callback receives failures as the client's
 * MintringError, and `null` for a missing session. Invalid arguments throw if there is no callback.
 */
export function sessionStore(
  client: MemcachedClient,
  options: SessionStoreOptions = {},
): SessionCalls {
  checkAdapter('sessionStore', client, options, { prefix: PREFIX, ttl: SECONDS })
  const prefix = options.prefix ?? 'sess:'
  const keyOf = (id: string): string => safeKey(prefix + id, client.behaviors.keyPrefix)
  const destroy = (id: string): Promise<void> => client.delete(keyOf(id)).then(ignore)
  const read = async (id: string): Promise<StoredSession | null> =>
    (await client.get<StoredSession>(keyOf(id))) ?? null
  const write = async (id: string, session: StoredSession): Promise<void> => {
    const ttl = lifetimeOf(session, options.ttl)
    // The cookie has already expired, and memcached has no portable TTL for "expired".
    if (ttl === 'over') await destroy(id)
    else await client.set(keyOf(id), toPlain(session), { ttl })
  }
  const prolong = async (id: string, session: StoredSession): Promise<void> => {
    const ttl = lifetimeOf(session, options.ttl)
    if (ttl === 'over') await destroy(id)
    else await client.touch(keyOf(id), ttl)
  }
  const calls: SessionCalls = {
    get: (id, done) => settle(read(id), done),
    set: (id, session, done) => settle(write(id, session), done),
    destroy: (id, done) => settle(destroy(id), done),
    touch: (id, session, done) => settle(prolong(id, session), done),
    all: (done) => settle(refuse<never>('all() has no list of sessions'), done),
    length: (done) => settle(refuse<never>('length() has no number of sessions'), done),
    clear: (done) => settle(refuse<void>('clear() cannot find the sessions'), done),
  }
  return checkCalls(calls, ARGUMENTS)
}

/** The store class for express-session: a subclass of its `Store` with these methods. */
export type ExpressSessionStore<Store extends object> = new (
  client: MemcachedClient,
  options?: SessionStoreOptions,
) => Store & SessionCalls

/** The property that holds a store's methods; a symbol cannot clash with a subclass. */
const CALLS: unique symbol = Symbol('mintring session methods')

/**
 * Returns a store class for express-session:
 * `session({ store: new (expressSessionStore(session))(client) })`. It needs the express-session
 * module, which only accepts subclasses of its `Store`. The class can be extended with `class` or
 * Node's `util.inherits`; express-session then calls the overrides.
 */
export function expressSessionStore<Store extends object>(session: {
  readonly Store: abstract new () => Store
}): ExpressSessionStore<Store> {
  type Instance = Store & SessionCalls & { [CALLS]: SessionCalls }
  checkPeer(session, 'express-session', ['Store'])
  const Base = session.Store as new () => Store
  function MintringStore(
    this: Instance,
    client: MemcachedClient,
    options: SessionStoreOptions = {},
  ): Instance {
    const isNew = new.target !== undefined
    if (!isNew) Reflect.apply(Base as never, this, [])
    const store = isNew ? (Reflect.construct(Base, [], new.target) as Instance) : this
    const calls = sessionStore(client, options)
    Object.defineProperty(store, CALLS, { value: calls })
    return bound(store, calls, MintringStore.prototype)
  }
  MintringStore.prototype = Object.create(Base.prototype, {
    constructor: { value: MintringStore, writable: true, configurable: true },
  })
  Object.setPrototypeOf(MintringStore, Base)
  for (const name of NAMES) {
    MintringStore.prototype[name] = function call(this: Instance, ...args: never[]): void {
      Reflect.apply(this[CALLS][name] as () => void, undefined, args)
    }
  }
  return MintringStore as unknown as ExpressSessionStore<Store>
}

const NAMES = ['get', 'set', 'destroy', 'touch', 'all', 'length', 'clear'] as const

/**
 * Binds methods that no subclass overrides, so that they work without `this`, as promisify() needs.
 */
function bound<Store extends SessionCalls>(
  store: Store,
  calls: SessionCalls,
  prototype: SessionCalls,
): Store {
  for (const name of NAMES) {
    if (store[name] !== prototype[name]) continue
    Object.defineProperty(store, name, { value: calls[name], writable: true, configurable: true })
  }
  return store
}

/** Copies the data of a session, without its methods and without its cookie's getters. */
function toPlain(session: StoredSession): unknown {
  const { cookie, ...data } = session
  const held = Object.entries(data).filter(([, value]) => typeof value !== 'function')
  const plain = cookie === undefined ? [] : [['cookie', JSON.parse(JSON.stringify(cookie))]]
  return Object.fromEntries([...plain, ...held])
}

function lifetimeOf({ cookie }: StoredSession, ttl: number | undefined): Lifetime {
  const expires = cookie?.expires
  const maxAgeMs = expires ? new Date(expires).getTime() - Date.now() : cookie?.maxAge
  // express-session also has `false` for none.
  if (!maxAgeMs && typeof maxAgeMs !== 'number') return lifetimeOfSeconds(ttl ?? DAY_SECONDS)
  return maxAgeMs === 0 ? 'over' : lifetimeOfMs(maxAgeMs)
}

async function refuse<Result>(what: string): Promise<Result> {
  const why = 'memcached cannot list keys; to end all sessions change the prefix'
  throw new MintringError('MINTRING_UNSUPPORTED', `${what}: ${why}`)
}

function ignore(): void {}

function settle<T>(work: Promise<T>, done: SessionCallback<T> | undefined): void {
  // Call back outside the promise chain: an exception there must not become our rejection.
  work.then(
    (result) => done && nextTick(done, null, result),
    (error: unknown) => done && nextTick(done, error),
  )
}
