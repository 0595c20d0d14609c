/**
 * `mintring/keyv`: a store for Keyv, and through it for cache-manager, cacheable and NestJS.
 * @module keyv
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import {
  type Argument,
  argument,
  checkAdapter,
  checkCalls,
  KEY,
  KEYS,
  unless,
} from './adapter-arguments.ts'
import { ClearableStore } from './clearable.ts'
import { type Lifetime, lifetimeOfMs, lifetimeUntil } from './lifetime.ts'

/**
 * An entry of Keyv's `setMany`: Keyv 5 sets `ttl` (ms from now), Keyv 6 sets `expires` (a date in
 * ms).
 */
export interface KeyvEntry {
  /** The key; Keyv 6 passes it without the namespace. */
  readonly key: string
  /** The value, as Keyv encoded it. */
  readonly value: unknown
  /** Keyv 5: milliseconds from now; absent if the entry does not expire. */
  readonly ttl?: number | undefined
  /** Keyv 6: a date in milliseconds; absent if the entry does not expire. */
  readonly expires?: number | undefined
}

/** Options of `KeyvMintring`. */
export interface KeyvMintringOptions {
  /**
   * The version of Keyv that uses this store: 4 and 5 pass a TTL in ms, 6 a date in ms. Default 5.
   */
  readonly keyv?: 4 | 5 | 6
}

const VERSION = unless(
  (given) => given === 4 || given === 5 || given === 6,
  'the version of Keyv that calls the store: 4, 5 or 6',
)

/**
 * A Keyv storage adapter on a mintring client: `new Keyv({ store: new KeyvMintring(client) })`.
 * Through Keyv it also serves cache-manager, cacheable and NestJS. TTLs are rounded up to whole
 * seconds; Keyv itself is exact to the millisecond. `clear()` writes one new generation word,
 * because memcached cannot list keys; so there is no `iterator`. `disconnect` does not close the
 * client. Failures reject with the client's MintringError.
 */
export class KeyvMintring {
  /** The scope of `clear()`; Keyv sets it. */
  namespace: string | undefined = undefined
  /** Properties of the store that Keyv reads. */
  readonly opts: {
    /** The kind of store. */
    readonly dialect: 'memcached'
  } = { dialect: 'memcached' }
  /** Tells Keyv 6 that this store understands `expires`; absent for Keyv 5. */
  readonly capabilities?: {
    /** Lifetimes are passed as dates, not as durations. */
    readonly expires: true
  }
  private readonly store: ClearableStore
  private readonly version: 4 | 5 | 6

  constructor(client: MemcachedClient, options: KeyvMintringOptions = {}) {
    checkAdapter('KeyvMintring', client, options, { keyv: VERSION })
    this.version = options.keyv ?? 5
    if (this.version === 6) this.capabilities = { expires: true }
    this.store = new ClearableStore(client, () => [this.namespace ?? ''])
  }

  /**
   * Does nothing: Keyv subscribes to `error`, and this store rejects instead of emitting events.
   */
  on(_event: string, _listener: (...args: unknown[]) => void): this {
    return this
  }

  /** Returns the stored value, or undefined. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return (await this.store.get(this.full(key))) as Value | undefined
  }

  /** Returns the stored values in the order of the keys, undefined for misses. */
  async getMany<Value>(keys: readonly string[]): Promise<Array<Value | undefined>> {
    const values = await this.store.getMany(keys.map((key) => this.full(key)))
    return values as Array<Value | undefined>
  }

  /** Stores a value. `lifetime`: ms from now for Keyv 5, a date in ms for Keyv 6. */
  async set(key: string, value: unknown, lifetime?: number): Promise<boolean> {
    return this.store.set(this.full(key), value, this.kept(lifetime))
  }

  /** Stores several entries; returns for each whether it was stored. */
  // biome-ignore lint/suspicious/noExplicitAny: Keyv 5 declares nothing here, Keyv 6 a list.
  async setMany(entries: readonly KeyvEntry[]): Promise<any> {
    const items = entries.map((e) => ({ ...e, kept: this.kept(e.expires ?? e.ttl) }))
    return Promise.all(items.map((i) => this.store.set(this.full(i.key), i.value, i.kept)))
  }

  /** Deletes a key; returns whether it was stored. */
  async delete(key: string): Promise<boolean> {
    return this.store.delete(this.full(key))
  }

  /** Deletes several keys; returns for each whether it was stored (before Keyv 6: if any was). */
  // biome-ignore lint/suspicious/noExplicitAny: Keyv 5 declares a boolean, Keyv 6 a list.
  async deleteMany(keys: readonly string[]): Promise<any> {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)))
    return this.version === 6 ? deleted : deleted.some(Boolean)
  }

  /** Whether a key is stored. Reads the value to find out. */
  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  /** Whether each key is stored. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined)
  }

  /** Makes every key of the namespace a miss, with one write. */
  async clear(): Promise<void> {
    await this.store.clear(this.namespace ?? '')
  }

  /** Does nothing: the code that created the client closes it. */
  async disconnect(): Promise<void> {}

  private kept(lifetime: number | undefined): Lifetime {
    const isDate = this.version === 6 && lifetime !== undefined
    return isDate ? lifetimeUntil(lifetime) : lifetimeOfMs(lifetime)
  }

  private full(key: string): string {
    // Keyv 5 adds the namespace to the key itself; Keyv 6 leaves that to the adapter.
    return this.version === 6 && this.namespace ? `${this.namespace}:${key}` : key
  }
}

const ENTRIES: Argument = (given, verb) => {
  argument('entries', unless(Array.isArray, "an array such as [{ key: 'a', value: 1 }]"))(
    given,
    verb,
  )
  for (const entry of given as readonly unknown[]) KEY(Object(entry).key, verb)
}

refuseCallbacks(
  checkCalls(KeyvMintring.prototype, {
    get: [KEY],
    getMany: [KEYS],
    set: [KEY],
    setMany: [ENTRIES],
    delete: [KEY],
    deleteMany: [KEYS],
    has: [KEY],
    hasMany: [KEYS],
  }),
)
