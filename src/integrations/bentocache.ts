/**
 * `mintring/bentocache`: a second level for bentocache.
 * @module bentocache
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { anything, checkAdapter, checkValues, PREFIX } from './adapter-arguments.ts'
import { ClearableStore } from './clearable.ts'
import { lifetimeOfMs } from './lifetime.ts'

/** Settings of the bentocache driver. */
export interface BentocacheDriverOptions {
  /** The client to store with; it stays yours to close. */
  readonly client: MemcachedClient
  /** Put before every key; bentocache passes its own. Default none. */
  readonly prefix?: string
}

/**
 * bentocache's second-level driver, as `bentocacheDriver` hands it over. TTLs are in milliseconds,
 * rounded up to whole seconds. Failures reject with the client's MintringError.
 */
export class MintringDriver {
  /** What bentocache tells its layers apart by. */
  readonly type = 'l2' as const
  private readonly client: MemcachedClient
  private readonly prefix: string
  private readonly store: ClearableStore

  constructor(options: BentocacheDriverOptions) {
    // bentocache adds settings of its own, such as its logger.
    checkAdapter('MintringDriver', options?.client, undefined)
    checkValues('MintringDriver', { prefix: options.prefix }, { prefix: PREFIX })
    this.client = options.client
    this.prefix = (options.prefix ?? '').replace(/:+$/, '')
    this.store = new ClearableStore(options.client, colonScopes)
  }

  /** A driver for the keys below a name: they are cleared with it, and with all above it. */
  namespace(name: string): MintringDriver {
    return new MintringDriver({ client: this.client, prefix: this.full(name) })
  }

  /** The stored text, or undefined. */
  async get(key: string): Promise<string | undefined> {
    return (await this.store.get(this.full(key))) as string | undefined
  }

  /** The stored texts in the order of the keys, undefined for misses. */
  async getMany(keys: readonly string[]): Promise<Array<string | undefined>> {
    const full = keys.map((key) => this.full(key))
    return (await this.store.getMany(full)) as Array<string | undefined>
  }

  /** Reads and deletes. */
  async pull(key: string): Promise<string | undefined> {
    const value = await this.get(key)
    if (value !== undefined) await this.delete(key)
    return value
  }

  /** Stores a text for `ttlMs` milliseconds, or for ever. */
  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    return this.store.set(this.full(key), value, lifetimeOfMs(ttlMs))
  }

  /** Whether it was there. */
  async delete(key: string): Promise<boolean> {
    return this.store.delete(this.full(key))
  }

  /** Deletes every key; always true. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    await Promise.all(keys.map((key) => this.delete(key)))
    return true
  }

  /** Forgets every key below this namespace, by one write. */
  async clear(): Promise<void> {
    await this.store.clear(this.prefix)
  }

  /** Nothing to do: the code that made the client closes it. */
  async disconnect(): Promise<void> {}

  private full(key: string): string {
    return this.prefix === '' ? key : `${this.prefix}:${key}`
  }
}

refuseCallbacks(MintringDriver.prototype)

/**
 * mintring as bentocache's second level: `bentostore().useL2Layer(bentocacheDriver({ client }))`.
 * Failures reject, which bentocache's own grace then handles.
 */
export function bentocacheDriver(options: BentocacheDriverOptions): {
  /** What bentocache hands to the factory, with a prefix of its own. */
  options: BentocacheDriverOptions
  /** Makes a driver. */
  factory: (config: BentocacheDriverOptions) => MintringDriver
} {
  checkAdapter('bentocacheDriver', options?.client, options, { client: anything, prefix: PREFIX })
  return { options, factory: (config) => new MintringDriver(config) }
}

/** `a:b:key` belongs to the root, `a` and `a:b`: bentocache clears by any of these prefixes. */
function colonScopes(key: string): string[] {
  const scopes = ['']
  for (let colon = key.indexOf(':'); colon >= 0; colon = key.indexOf(':', colon + 1)) {
    scopes.push(key.slice(0, colon))
  }
  return scopes
}
