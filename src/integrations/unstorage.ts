import type { MemcachedClient } from '../client/client.ts'
import { ClearableStore } from './clearable.ts'
import { wholeSeconds } from './whole-seconds.ts'

/** Settings of the unstorage driver. */
export interface UnstorageDriverOptions {
  readonly client: MemcachedClient
  /** Put before every key, and the scope of `clear()`. Default none. */
  readonly base?: string
  /** Life of items set without a `ttl`, in seconds. Default for ever. */
  readonly ttl?: number
}

/** What unstorage calls. `getKeys` answers nothing: memcached cannot list keys. */
export interface UnstorageDriver {
  readonly name: 'mintring'
  readonly flags: { readonly ttl: true }
  readonly options: UnstorageDriverOptions
  getInstance(): MemcachedClient
  hasItem(key: string): Promise<boolean>
  getItem(key: string): Promise<unknown>
  getItemRaw(key: string): Promise<unknown>
  getItems(items: ReadonlyArray<{ key: string }>): Promise<Array<{ key: string; value: unknown }>>
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>
  setItemRaw(key: string, value: unknown, options?: { ttl?: number }): Promise<void>
  removeItem(key: string): Promise<void>
  getKeys(): Promise<string[]>
  clear(): Promise<void>
}

/**
 * An unstorage driver (Nitro, Nuxt) on a mintring client:
 * `createStorage({ driver: unstorageDriver({ client }) })`. The client stays the caller's. Failures
 * reject with the client's MintringError.
 */
export function unstorageDriver(options: UnstorageDriverOptions): UnstorageDriver {
  const base = (options.base ?? '').replace(/:$/, '')
  const store = new ClearableStore(options.client, () => [base])
  const full = (key: string): string => (base === '' ? key : `${base}:${key}`)
  const read = async (key: string): Promise<unknown> => (await store.get(full(key))) ?? null
  const write = async (key: string, value: unknown, given?: { ttl?: number }): Promise<void> => {
    await store.set(full(key), value, wholeSeconds(given?.ttl ?? options.ttl))
  }
  return {
    name: 'mintring',
    flags: { ttl: true },
    options,
    getInstance: () => options.client,
    hasItem: async (key) => (await store.get(full(key))) !== undefined,
    getItem: read,
    getItemRaw: async (key) => unwrapRaw(await read(key)),
    getItems: async (items) => {
      const values = await store.getMany(items.map((item) => full(item.key)))
      return items.map((item, i) => ({ key: item.key, value: values[i] ?? null }))
    },
    setItem: write,
    setItemRaw: (key, value, given) => write(key, wrapRaw(value), given),
    removeItem: async (key) => {
      await store.delete(full(key))
    },
    getKeys: async () => [],
    clear: () => store.clear(base),
  }
}

/** unstorage's `setItem` only gives strings: an object is a raw value, wrapped here. */
function wrapRaw(value: unknown): unknown {
  return value instanceof Uint8Array
    ? { base64: Buffer.from(value).toString('base64') }
    : { raw: value }
}

function unwrapRaw(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null) return stored
  return 'base64' in stored
    ? Buffer.from(String(stored.base64), 'base64')
    : (stored as { raw: unknown }).raw
}
