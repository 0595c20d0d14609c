/**
 * `mintring/apollo`: a key-value cache for Apollo Server.
 * @module apollo
 */
import type { MemcachedClient } from '../client/client.ts'
import { safeKey } from './safe-key.ts'
import { wholeSeconds } from './whole-seconds.ts'

/** What Apollo calls with: seconds to live; null or nothing = for ever. */
export interface KeyValueCacheSetOptions {
  /** Seconds to live. */
  readonly ttl?: number | null
}

/**
 * Apollo Server's `KeyValueCache` on a mintring client, for persisted queries and response caching:
 * `new ApolloServer({ cache: new ApolloCache(client) })`. Fractions of a second are rounded up.
 * Failures reject with the client's MintringError.
 */
export class ApolloCache {
  readonly #client: MemcachedClient

  constructor(client: MemcachedClient) {
    this.#client = client
  }

  /** The stored text, or undefined. */
  async get(key: string): Promise<string | undefined> {
    return this.#client.get<string>(this.#key(key))
  }

  /** Stores a text. */
  async set(key: string, value: string, options?: KeyValueCacheSetOptions): Promise<void> {
    const ttl = wholeSeconds(options?.ttl)
    await this.#client.set(this.#key(key), value, ttl === undefined ? {} : { ttl })
  }

  /** Whether it was there. */
  async delete(key: string): Promise<boolean> {
    return this.#client.delete(this.#key(key))
  }

  #key(key: string): string {
    return safeKey(key, this.#client.behaviors.keyPrefix)
  }
}
