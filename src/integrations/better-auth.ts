/**
 * `mintring/better-auth`: secondary storage for Better Auth.
 * @module better-auth
 */
import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { checkAdapter, checkCalls, KEY, PREFIX, TEXT } from './adapter-arguments.ts'
import { byMeta } from './by-meta.ts'
import { lifetimeOfSeconds, lifetimeToExptime } from './lifetime.ts'
import { safeKey } from './safe-key.ts'

/** Options of `secondaryStorage`. */
export interface SecondaryStorageOptions {
  /** The prefix of every key. Default `auth:`. */
  readonly prefix?: string
}

/** The interface that Better Auth 1.7 and later call. */
export interface SecondaryStorage {
  /** Returns the value, or null when there is none. */
  get(key: string): Promise<string | null>
  /** Stores a value for `ttl` seconds; without `ttl` it does not expire. */
  set(key: string, value: string, ttl?: number): Promise<void>
  /** Deletes a value. */
  delete(key: string): Promise<void>
  /** Returns the value and deletes it: exactly one of several concurrent callers gets it. */
  getAndDelete(key: string): Promise<string | null>
  /**
   * Adds one and returns the sum. The first increment creates the counter with `ttl` seconds to
   * live.
   */
  increment(key: string, ttl: number): Promise<number>
}

/**
 * The value that marks an item as taken. Servers without meta commands have no compare-and-delete,
 * so take() first swaps this value in by `cas`, and then deletes the item.
 */
const TAKEN = '\0taken'
/** How many times take() tries again because the value changed between its read and its delete. */
const MAX_TAKES = 16

/**
 * Returns a secondary storage for Better Auth: `secondaryStorage: secondaryStorage(client)`. All
 * processes then share sessions, verification values and rate limits in memcached. An evicted
 * session signs its user out, so keep `session.storeSessionInDatabase` on where that matters. Calls
 * reject with the client's MintringError.
 */
export function secondaryStorage(
  client: MemcachedClient,
  options: SecondaryStorageOptions = {},
): SecondaryStorage {
  checkAdapter('secondaryStorage', client, options, { prefix: PREFIX })
  const { prefix = 'auth:' } = options
  const keyOf = (key: string): string => safeKey(prefix + key, client.behaviors.keyPrefix)
  const storage: SecondaryStorage = {
    async get(key) {
      return textOf(await client.get(keyOf(key)))
    },
    async set(key, value, ttl) {
      const lifetime = lifetimeOfSeconds(ttl)
      if (lifetime === 'over') await client.delete(keyOf(key))
      else await client.set(keyOf(key), value, { ttl: lifetime })
    },
    async delete(key) {
      await client.delete(keyOf(key))
    },
    getAndDelete: (key) => take(client, keyOf(key)),
    async increment(key, ttl) {
      const lifetime = lifetimeOfSeconds(ttl)
      const seconds = lifetime === 'over' ? 1 : lifetime
      return increment(client, keyOf(key), seconds)
    },
  }
  return refuseCallbacks(
    checkCalls(storage, {
      get: [KEY],
      set: [KEY, TEXT],
      delete: [KEY],
      getAndDelete: [KEY],
      increment: [KEY],
    }),
  )
}

/**
 * Reads and deletes an item. Only the caller that deletes the exact item it read returns the value.
 */
async function take(client: MemcachedClient, key: string): Promise<string | null> {
  for (let i = 0; i < MAX_TAKES; i++) {
    const entry = await client.gets(key)
    const text = textOf(entry?.value)
    if (entry === undefined || text === null) return null
    if (await deleteIfSame(client, key, entry.cas)) return text
  }
  return null
}

function deleteIfSame(client: MemcachedClient, key: string, cas: bigint): Promise<boolean> {
  return byMeta(
    async () => (await client.meta.md(key, { C: cas })).status === 'done',
    async () => {
      const isTaken = (await client.cas(key, TAKEN, cas, { ttl: 2 })) === 'stored'
      if (isTaken) await client.delete(key)
      return isTaken
    },
  )
}

function increment(client: MemcachedClient, key: string, ttl: number): Promise<number> {
  return byMeta(
    async () => {
      const flags = { N: lifetimeToExptime(ttl), J: 1, D: 1, v: true } as const
      return Number((await client.meta.ma(key, flags)).value)
    },
    async () => Number(await client.incr(key, 1, { initial: 1, ttl })),
  )
}

/** Converts counters, which the client returns as numbers, to the text that Better Auth expects. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === TAKEN) return null
  return typeof value === 'string' ? value : String(value)
}
