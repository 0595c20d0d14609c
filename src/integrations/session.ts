/**
 * `mintring/session`: sessions of express-session and @fastify/session.
 * @module session
 */

import type { MemcachedClient } from '../client/client.ts'
import { MintringError } from '../errors.ts'
import { nextTick } from '../runtime.ts'
import { checkAdapter, PREFIX, SECONDS } from './adapter-arguments.ts'
import type { Lifetime } from './lifetime.ts'
import { lifetimeOfMs, lifetimeOfSeconds } from './lifetime.ts'
import { checkPeer } from './peer.ts'
import { safeKey } from './safe-key.ts'

/** What both hosts keep of a session: anything JSON can carry, with its cookie. */
export interface StoredSession {
  /** What decides how long the session lives. */
  readonly cookie?: {
    /** Milliseconds to live. */
    readonly maxAge?: number | null | undefined
    /** Milliseconds to live, as the cookie was made. */
    readonly originalMaxAge?: number | null | undefined
    /** When it ends. */
    readonly expires?: Date | string | null | undefined
  }
}

/** Settings of a session store. */
export interface SessionStoreOptions {
  /** Put before every session id. Default `sess:`. */
  readonly prefix?: string
  /** Life of sessions whose cookie has no age, in seconds. Default 86,400 (a day). */
  readonly ttl?: number
}

/** Node's callback: an error, or null and what was asked for. */
export type SessionCallback<T = void> = (error: unknown, result?: T) => void

/** What express-session and @fastify/session call. */
export interface SessionCalls {
  /** The session, or null. */
  // biome-ignore lint/suspicious/noExplicitAny: each host has a session type of its own.
  get(id: string, done: SessionCallback<any>): void
  /** Stores a session for as long as its cookie lives. */
  set(id: string, session: StoredSession, done?: SessionCallback): void
  /** Deletes a session. */
  destroy(id: string, done?: SessionCallback): void
  /** Prolongs a session without writing it. */
  touch(id: string, session: StoredSession, done?: SessionCallback): void
  /** Fails with MINTRING_UNSUPPORTED: memcached can list no keys. */
  all(done: SessionCallback<never>): void
  /** Fails with MINTRING_UNSUPPORTED: memcached can count no keys of a prefix. */
  length(done: SessionCallback<never>): void
  /** Fails with MINTRING_UNSUPPORTED: change `prefix` to end all sessions. */
  clear(done?: SessionCallback): void
}

const DAY_SECONDS = 86_400

/**
 * A session store for `@fastify/session` (`store: sessionStore(client)`), and the part that
 * `expressSessionStore` mounts on express-session's own class. Failures are given to the callback
 * as the client's MintringError; a session that is not there is `null`.
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
    // A cookie that has already run out: memcached has no "expired" TTL that reads well.
    if (ttl === 'over') await destroy(id)
    else await client.set(keyOf(id), toPlain(session), { ttl })
  }
  const prolong = async (id: string, session: StoredSession): Promise<void> => {
    const ttl = lifetimeOf(session, options.ttl)
    if (ttl === 'over') await destroy(id)
    else await client.touch(keyOf(id), ttl)
  }
  return {
    get: (id, done) => settle(read(id), done),
    set: (id, session, done) => settle(write(id, session), done),
    destroy: (id, done) => settle(destroy(id), done),
    touch: (id, session, done) => settle(prolong(id, session), done),
    all: (done) => settle(refuse<never>('all() has no list of sessions'), done),
    length: (done) => settle(refuse<never>('length() has no number of sessions'), done),
    clear: (done) => settle(refuse<void>('clear() cannot find the sessions'), done),
  }
}

/** The class that express-session takes: a child of its `Store`, with the calls of this module. */
export type ExpressSessionStore<Store extends object> = new (
  client: MemcachedClient,
  options?: SessionStoreOptions,
) => Store & SessionCalls

/** Where a store keeps its calls: no name that a subclass could use. */
const CALLS: unique symbol = Symbol('mintring session calls')

/**
 * A store for express-session: `session({ store: new (expressSessionStore(session))(client) })`.
 * It takes the host's own module because express-session only accepts children of its `Store`. It
 * can be extended, by `class` and as Node's `util.inherits` does: overrides are what is called.
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

/** Calls that no subclass overrides work without the store as their `this`, as in promisify(). */
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

/** Host sessions carry methods and cookies with getters: a store keeps what they hold. */
function toPlain(session: StoredSession): unknown {
  const { cookie, ...data } = session
  const held = Object.entries(data).filter(([, value]) => typeof value !== 'function')
  const plain = cookie === undefined ? [] : [['cookie', JSON.parse(JSON.stringify(cookie))]]
  return Object.fromEntries([...plain, ...held])
}

function lifetimeOf({ cookie }: StoredSession, ttl: number | undefined): Lifetime {
  const expires = cookie?.expires
  const maxAgeMs = expires ? new Date(expires).getTime() - Date.now() : cookie?.maxAge
  // What is no date and no number says nothing of an age.
  if (typeof maxAgeMs !== 'number' || Number.isNaN(maxAgeMs)) {
    return lifetimeOfSeconds(ttl ?? DAY_SECONDS)
  }
  return maxAgeMs <= 0 ? 'over' : lifetimeOfMs(maxAgeMs)
}

async function refuse<Result>(what: string): Promise<Result> {
  const why = 'memcached cannot list keys; to end all sessions change the prefix'
  throw new MintringError('MINTRING_UNSUPPORTED', `${what}: ${why}`)
}

function ignore(): void {}

function settle<T>(work: Promise<T>, done: SessionCallback<T> | undefined): void {
  // The callback runs outside the promise chain: what it throws is its own, not a rejection of
  // ours.
  work.then(
    (result) => done && nextTick(done, null, result),
    (error: unknown) => done && nextTick(done, error),
  )
}
