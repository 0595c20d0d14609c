/**
 * `mintring/unstorage`: a driver for unstorage, hence Nitro and Nuxt.
 * @module unstorage
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import { anything, checkAdapter, PREFIX, SECONDS } from './adapter-arguments.ts'
import { ClearableStore, keyBytes } from './clearable.ts'
import { lifetimeOfSeconds } from './lifetime.ts'

/** Settings of the unstorage driver. */
export interface UnstorageDriverOptions {
  /** The client to store with; it stays yours to close. */
  readonly client: MemcachedClient
  /** Put before every key, and the scope of `clear()`. Default none. */
  readonly base?: string
  /** Life of items set without a `ttl`, in seconds. Default for ever. */
  readonly ttl?: number
}

/** What `getItems` answers about one key. */
export interface UnstorageItem {
  /** The key, as it was asked for. */
  readonly key: string
  /** Its value, null for a miss. */
  readonly value: null | string | number | boolean | object
}

/** What unstorage calls. `getKeys` answers nothing: memcached cannot list keys. */
export interface UnstorageDriver {
  /** What unstorage shows. */
  readonly name: 'mintring'
  /** What unstorage asks a driver about. */
  readonly flags: {
    /** Items may have a lifetime. */
    readonly ttl: true
  }
  /** The settings it was made with. */
  readonly options: UnstorageDriverOptions
  /** The client underneath. */
  getInstance(): MemcachedClient
  /** Whether it is there. Reads the value to tell. */
  hasItem(key: string): Promise<boolean>
  /** The value, null for a miss. */
  getItem(key: string): Promise<unknown>
  /** What setItemRaw stored, null for a miss. */
  getItemRaw(key: string): Promise<unknown>
  /** The values of several keys, null for misses. */
  getItems(items: ReadonlyArray<{ key: string }>): Promise<UnstorageItem[]>
  /** Stores a text for `ttl` seconds, by default those of the driver. */
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>
  /** Stores bytes, or anything that JSON can carry. */
  setItemRaw(key: string, value: unknown, options?: { ttl?: number }): Promise<void>
  /** Deletes an item. */
  removeItem(key: string): Promise<void>
  /** Always empty. */
  getKeys(): Promise<string[]>
  /** Forgets every key below `base`, by one write. */
  clear(): Promise<void>
}

/**
 * An unstorage driver (Nitro, Nuxt) on a mintring client:
 * `createStorage({ driver: unstorageDriver({ client }) })`. The client stays the caller's. Failures
 * reject with the client's MintringError.
 */
export function unstorageDriver(options: UnstorageDriverOptions): UnstorageDriver {
  const checks = { client: anything, base: PREFIX, ttl: SECONDS }
  checkAdapter('unstorageDriver', options?.client, options, checks)
  const base = (options.base ?? '').replace(/:$/, '')
  const store = new ClearableStore(options.client, () => [base])
  const full = (key: string): string => (base === '' ? key : `${base}:${key}`)
  const read = async (key: string): Promise<unknown> => (await store.get(full(key))) ?? null
  const write = async (key: string, value: unknown, given?: { ttl?: number }): Promise<void> => {
    await store.set(full(key), value, lifetimeOfSeconds(given?.ttl ?? options.ttl))
  }
  return refuseCallbacks({
    name: 'mintring',
    flags: { ttl: true },
    options,
    getInstance: () => options.client,
    hasItem: async (key) => (await store.get(full(key))) !== undefined,
    getItem: read,
    getItemRaw: async (key) => unwrapRaw(await read(key)),
    getItems: async (items) => {
      const values = await store.getMany(items.map((item) => full(item.key)))
      return items.map((item, i) => ({
        key: item.key,
        value: (values[i] ?? null) as UnstorageItem['value'],
      }))
    },
    setItem: write,
    setItemRaw: (key, value, given) => write(key, wrapRaw(value), given),
    removeItem: async (key) => {
      await store.delete(full(key))
    },
    getKeys: async () => [],
    clear: () => store.clear(base),
  })
}

/** unstorage's `setItem` only gives strings: an object is a raw value, wrapped here. */
function wrapRaw(value: unknown): unknown {
  return keyBytes(value) === undefined ? { raw: value } : value
}

function unwrapRaw(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null || !('raw' in stored)) return stored
  return stored.raw
}
