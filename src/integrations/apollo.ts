/**
 * `mintring/apollo`: a key-value cache for Apollo Server.
 * @module apollo
 */

import { badArgument, refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import {
  anything,
  type Check,
  checkAdapter,
  checkCalls,
  isTags,
  KEY,
  optionsOf,
  TEXT,
  unless,
} from './adapter-arguments.ts'
import { lifetimeOfSeconds } from './lifetime.ts'
import { safeKey } from './safe-key.ts'
import { TaggedTexts } from './tagged-texts.ts'

/** The options Apollo passes with set(). */
export interface KeyValueCacheSetOptions {
  /** Seconds to live; null or absent stores the value without a TTL. */
  readonly ttl?: number | null
}

/** Options of the cache. */
export interface ApolloCacheOptions {
  /**
   * The tags of stored texts: names, or a function that returns them for a text and its key.
   * `client.invalidateTags(name)` then invalidates all texts with that name. Default: none.
   */
  readonly tags?: readonly string[] | ((value: string, key: string) => readonly string[])
}

const TAGS: Check = unless(
  (given) => typeof given === 'function' || isTags(given),
  "an array such as ['graphql'], or a function that returns one",
)

/**
 * Apollo Server's `KeyValueCache` on a mintring client, for persisted queries and response caching:
 * `new ApolloServer({ cache: new ApolloCache(client) })`. Fractions of a second are rounded up.
 * Failures reject with the client's MintringError. Throws MINTRING_BAD_ARGUMENT for invalid
 * options, such as a TTL; set() rejects with it for invalid tags.
 */
export class ApolloCache {
  private readonly client: MemcachedClient
  private readonly tags: ApolloCacheOptions['tags']
  private readonly texts: TaggedTexts

  constructor(client: MemcachedClient, options: ApolloCacheOptions = {}) {
    checkAdapter('ApolloCache', client, options, { tags: TAGS })
    this.client = client
    this.tags = options.tags
    this.texts = new TaggedTexts(client)
  }

  /** Returns the stored text; undefined if it is missing or one of its tags was invalidated. */
  async get(key: string): Promise<string | undefined> {
    const stored = await this.client.get(this.wireKey(key))
    return this.texts.current(key, stored)
  }

  /** Stores a text. */
  async set(key: string, value: string, options?: KeyValueCacheSetOptions): Promise<void> {
    const ttl = lifetimeOfSeconds(options?.ttl)
    if (ttl === 'over') {
      await this.delete(key)
      return
    }
    const tags = this.tagsOf(value, key)
    const stored = tags.length === 0 ? value : await this.texts.tagged(key, value, tags)
    await this.client.set(this.wireKey(key), stored, { ttl })
  }

  /** Deletes a key; returns whether it was stored. */
  async delete(key: string): Promise<boolean> {
    return this.client.delete(this.wireKey(key))
  }

  private tagsOf(value: string, key: string): readonly string[] {
    const { tags = [] } = this
    const names = typeof tags === 'function' ? tags(value, key) : tags
    if (!isTags(names)) throw badArgument('tags of a value must be an array of strings')
    return names
  }

  private wireKey(key: string): string {
    return safeKey(key, this.client.behaviors.keyPrefix)
  }
}

refuseCallbacks(
  checkCalls(ApolloCache.prototype, {
    get: [KEY],
    set: [KEY, TEXT, optionsOf({ ttl: anything })],
    delete: [KEY],
  }),
)
