/**
 * `mintring/session`: sessions of express-session and @fastify/session.
 * @module session
 */
import type { MemcachedClient } from '../client/client.ts'
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

type Done<T = void> = (error: unknown, result?: T) => void

/** The four calls that express-session and @fastify/session make. */
export interface SessionCalls {
  /** The session, or null. */
  get(id: string, done: Done<StoredSession | null>): void
  /** Stores a session for as long as its cookie lives. */
  set(id: string, session: StoredSession, done?: Done): void
  /** Deletes a session. */
  destroy(id: string, done?: Done): void
  /** Prolongs a session without writing it. */
  touch(id: string, session: StoredSession, done?: Done): void
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
  const prefix = options.prefix ?? 'sess:'
  const keyOf = (id: string): string => safeKey(prefix + id, client.behaviors.keyPrefix)
  const ttlOf = (session: StoredSession): number => lifetimeSeconds(session, options.ttl)
  return {
    get: (id, done) =>
      settle(
        client.get<StoredSession>(keyOf(id)).then((session) => session ?? null),
        done,
      ),
    set: (id, session, done) => settle(write(client, keyOf(id), session, ttlOf(session)), done),
    destroy: (id, done) =>
      settle(
        client.delete(keyOf(id)).then(() => undefined),
        done,
      ),
    touch: (id, session, done) =>
      settle(
        client.touch(keyOf(id), Math.max(1, ttlOf(session))).then(() => undefined),
        done,
      ),
  }
}

/**
 * A store for express-session: `session({ store: new (expressSessionStore(session))(client) })`.
 * It takes the host's own module because express-session only accepts children of its `Store`.
 */
export function expressSessionStore<Store extends object>(session: {
  readonly Store: new () => Store
}): new (
  client: MemcachedClient,
  options?: SessionStoreOptions,
) => Store & SessionCalls {
  const Base = session.Store
  function MintringStore(
    client: MemcachedClient,
    options: SessionStoreOptions = {},
  ): Store & SessionCalls {
    return Object.assign(new Base(), sessionStore(client, options))
  }
  return MintringStore as unknown as new (
    client: MemcachedClient,
    options?: SessionStoreOptions,
  ) => Store & SessionCalls
}

async function write(
  client: MemcachedClient,
  key: string,
  session: StoredSession,
  ttlSeconds: number,
): Promise<void> {
  // A cookie that has already run out: memcached has no "expired" TTL that reads well.
  if (ttlSeconds <= 0) await client.delete(key)
  else await client.set(key, toPlain(session), { ttl: ttlSeconds })
}

/** Host sessions carry methods and getters; what survives JSON is what a store keeps. */
function toPlain(session: StoredSession): unknown {
  return JSON.parse(JSON.stringify(session))
}

function lifetimeSeconds(session: StoredSession, ttl: number | undefined): number {
  const expires = session.cookie?.expires
  const maxAgeMs = expires ? new Date(expires).getTime() - Date.now() : session.cookie?.maxAge
  return typeof maxAgeMs === 'number' ? Math.ceil(maxAgeMs / 1000) : (ttl ?? DAY_SECONDS)
}

function settle<T>(work: Promise<T>, done: Done<T> | undefined): void {
  // The callback runs outside the promise chain: what it throws is its own, not a rejection of
  // ours.
  work.then(
    (result) => done && process.nextTick(done, null, result),
    (error: unknown) => done && process.nextTick(done, error),
  )
}
