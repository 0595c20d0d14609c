/**
 * `mintring/keyv`: a store for Keyv, and through it for cache-manager, cacheable and NestJS.
 * @module keyv
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { checkAdapter, unless } from './adapter-arguments.ts'
import { ClearableStore } from './clearable.ts'
import { lifetimeOfMs, lifetimeUntil } from './lifetime.ts'

/**
 * One entry of Keyv's `setMany`: version 5 says `ttl` (ms from now), 6 `expires` (a date in ms).
 */
export interface KeyvEntry {
  /** The key, without its namespace for Keyv 6. */
  readonly key: string
  /** What Keyv made of the value. */
  readonly value: unknown
  /** Keyv 5: milliseconds from now; for ever when absent. */
  readonly ttl?: number | undefined
  /** Keyv 6: a date in milliseconds; for ever when absent. */
  readonly expires?: number | undefined
}

/** Settings of `KeyvMintring`. */
export interface KeyvMintringOptions {
  /** The Keyv that calls this store: 4 and 5 pass a TTL in ms, 6 a date in ms. Default 5. */
  readonly keyv?: 4 | 5 | 6
}

const VERSION = unless(
  (given) => given === 4 || given === 5 || given === 6,
  'the version of Keyv that calls the store: 4, 5 or 6',
)

/**
 * A Keyv storage adapter on a mintring client: `new Keyv({ store: new KeyvMintring(client) })`, and
 * through Keyv for cache-manager, cacheable and NestJS. Namespaces are cleared by a generation word
 * (one write), because memcached cannot list keys; hence no `iterator`. TTLs are rounded up to
 * whole seconds; Keyv itself is exact to the millisecond. The client stays the caller's:
 * `disconnect` does not close it. Failures reject with the client's MintringError.
 */
export class KeyvMintring {
  /** Keyv sets this; it is the scope of `clear()`. */
  namespace: string | undefined = undefined
  /** What Keyv asks a store about. */
  readonly opts: {
    /** The kind of store. */
    readonly dialect: 'memcached'
  } = { dialect: 'memcached' }
  /** Tells Keyv 6 that `expires` is understood; absent for Keyv 5. */
  readonly capabilities?: {
    /** Lifetimes come as dates. */
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

  /** Keyv listens for `error`. This store emits none: what fails rejects. */
  on(_event: string, _listener: (...args: unknown[]) => void): this {
    return this
  }

  /** The stored value, or undefined. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return (await this.store.get(this.full(key))) as Value | undefined
  }

  /** The stored values in the order of the keys, undefined for misses. */
  async getMany<Value>(keys: readonly string[]): Promise<Array<Value | undefined>> {
    const values = await this.store.getMany(keys.map((key) => this.full(key)))
    return values as Array<Value | undefined>
  }

  /** `lifetime`: ms from now for Keyv 5, a date in ms for Keyv 6. */
  async set(key: string, value: unknown, lifetime?: number): Promise<boolean> {
    const isDate = this.version === 6 && lifetime !== undefined
    const kept = isDate ? lifetimeUntil(lifetime) : lifetimeOfMs(lifetime)
    return this.store.set(this.full(key), value, kept)
  }

  /** Stores several entries; whether each was stored. */
  // biome-ignore lint/suspicious/noExplicitAny: Keyv 5 declares nothing here, Keyv 6 a list.
  async setMany(entries: readonly KeyvEntry[]): Promise<any> {
    return Promise.all(entries.map((e) => this.set(e.key, e.value, e.expires ?? e.ttl)))
  }

  /** Whether it was there. */
  async delete(key: string): Promise<boolean> {
    return this.store.delete(this.full(key))
  }

  /** Version 6 wants an answer per key; those before it whether any was deleted. */
  // biome-ignore lint/suspicious/noExplicitAny: what is declared differs by version too.
  async deleteMany(keys: readonly string[]): Promise<any> {
    const deleted = await Promise.all(keys.map((key) => this.delete(key)))
    return this.version === 6 ? deleted : deleted.some(Boolean)
  }

  /** Whether it is there. Reads the value to tell. */
  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined
  }

  /** Whether each is there. */
  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return (await this.getMany(keys)).map((value) => value !== undefined)
  }

  /** Forgets every key of the namespace, by one write. */
  async clear(): Promise<void> {
    await this.store.clear(this.namespace ?? '')
  }

  /** Nothing to do: the code that made the client closes it. */
  async disconnect(): Promise<void> {}

  private full(key: string): string {
    // Keyv 5 has already put the namespace before the key, Keyv 6 leaves it to the adapter.
    return this.version === 6 && this.namespace ? `${this.namespace}:${key}` : key
  }
}

refuseCallbacks(KeyvMintring.prototype)
