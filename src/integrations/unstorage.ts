/**
 * `mintring/unstorage`: a driver for unstorage, hence Nitro and Nuxt.
 * @module unstorage
 */

import { refuseCallbacks } from '../arguments.ts'
import type { MemcachedClient } from '../client/client.ts'
import {
  anything,
  argument,
  checkAdapter,
  checkCalls,
  KEY,
  optionsOf,
  PREFIX,
  SECONDS,
  unless,
} from './adapter-arguments.ts'
import { ClearableStore, keyBytes } from './clearable.ts'
import { lifetimeOfSeconds } from './lifetime.ts'

/** Options of the unstorage driver. */
export interface UnstorageDriverOptions {
  /** The client to store with. The driver never closes it. */
  readonly client: MemcachedClient
  /** The prefix of every key, and the scope of `clear()`. Default: none. */
  readonly base?: string
  /** The lifetime of items set without a `ttl`, in seconds. Default: no expiry. */
  readonly ttl?: number
}

/** An item in the result of `getItems`. */
export interface UnstorageItem {
  /** The key, as requested. */
  readonly key: string
  /** The value of the item, null for a miss. */
  readonly value: null | string | number | boolean | object
}

/** The driver that unstorage calls. `getKeys` returns an empty list: memcached cannot list keys. */
export interface UnstorageDriver {
  /** The name that unstorage shows. */
  readonly name: 'mintring'
  /** Features of the driver that unstorage reads. */
  readonly flags: {
    /** Tells unstorage that items can have a lifetime. */
    readonly ttl: true
  }
  /** The options passed to `unstorageDriver`. */
  readonly options: UnstorageDriverOptions
  /** Returns the client underneath. */
  getInstance(): MemcachedClient
  /** Whether a key is stored. Reads the value to find out. */
  hasItem(key: string): Promise<boolean>
  /** Reads a value, null for a miss. */
  getItem(key: string): Promise<unknown>
  /** Reads a value stored with setItemRaw, null for a miss. */
  getItemRaw(key: string): Promise<unknown>
  /** Reads the values of several keys, null for misses. */
  getItems(items: ReadonlyArray<{ key: string }>): Promise<UnstorageItem[]>
  /** Stores a text for `ttl` seconds; default: the driver's `ttl`. */
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>
  /** Stores bytes, or any value that JSON can encode. */
  setItemRaw(key: string, value: unknown, options?: { ttl?: number }): Promise<void>
  /** Deletes an item. */
  removeItem(key: string): Promise<void>
  /** Returns an empty list. */
  getKeys(): Promise<string[]>
  /** Makes every key below `base` a miss, with one write. */
  clear(): Promise<void>
}

/**
 * Returns an unstorage driver (Nitro, Nuxt) on a mintring client:
 * `createStorage({ driver: unstorageDriver({ client }) })`. The driver never closes the client.
 * Failures reject with the client's MintringError.
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
  const driver: UnstorageDriver = {
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
  }
  return refuseCallbacks(
    checkCalls(driver, {
      hasItem: [KEY],
      getItem: [KEY],
      getItemRaw: [KEY],
      getItems: [ITEMS],
      setItem: [KEY, anything, SET_OPTIONS],
      setItemRaw: [KEY, anything, SET_OPTIONS],
      removeItem: [KEY],
    }),
  )
}

/** lifetimeOfSeconds() checks the value of `ttl`. */
const SET_OPTIONS = optionsOf({ ttl: anything })

const ITEMS = argument(
  'items',
  unless(
    (given) => Array.isArray(given) && given.every((item) => typeof item?.key === 'string'),
    "an array such as [{ key: 'a' }]",
  ),
)

/** Wraps objects, because setItem() only stores strings: a stored object is always a raw value. */
function wrapRaw(value: unknown): unknown {
  return keyBytes(value) === undefined ? { raw: value } : value
}

function unwrapRaw(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null || !('raw' in stored)) return stored
  return stored.raw
}
