/**
 * `mintring/apollo`: a key-value cache for Apollo Server.
 * @module apollo
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { checkAdapter } from './adapter-arguments.ts'
import { lifetimeOfSeconds } from './lifetime.ts'
import { safeKey } from './safe-key.ts'

/** The options Apollo passes with set(). */
export interface KeyValueCacheSetOptions {
  /** Seconds to live; null or absent stores the value without a TTL. */
  readonly ttl?: number | null
}

/**
 * Apollo Server's `KeyValueCache` on a mintring client, for persisted queries and response caching:
 * `new ApolloServer({ cache: new ApolloCache(client) })`. Fractions of a second are rounded up.
 * Failures reject with the client's MintringError.
 */
export class ApolloCache {
  private readonly client: MemcachedClient

  /** Takes no options, so options such as a TTL throw MINTRING_BAD_ARGUMENT. */
  constructor(client: MemcachedClient, options?: Readonly<Record<string, never>>) {
    checkAdapter('ApolloCache', client, options)
    this.client = client
  }

  /** Returns the stored text, or undefined. */
  async get(key: string): Promise<string | undefined> {
    return this.client.get<string>(this.wireKey(key))
  }

  /** Stores a text. */
  async set(key: string, value: string, options?: KeyValueCacheSetOptions): Promise<void> {
    const ttl = lifetimeOfSeconds(options?.ttl)
    if (ttl === 'over') await this.delete(key)
    else await this.client.set(this.wireKey(key), value, { ttl })
  }

  /** Deletes a key; returns whether it was stored. */
  async delete(key: string): Promise<boolean> {
    return this.client.delete(this.wireKey(key))
  }

  private wireKey(key: string): string {
    return safeKey(key, this.client.behaviors.keyPrefix)
  }
}

refuseCallbacks(ApolloCache.prototype)
