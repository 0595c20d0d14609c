import { MemcachedClient } from 'mintring'

// The recipe of docs/production.md: one client per process, however often this module is loaded.
globalThis.cache ??= new MemcachedClient(process.env.MEMCACHED_SERVERS, { unref: true })
globalThis.loads = (globalThis.loads ?? 0) + 1
export const cache = globalThis.cache
export const loads = globalThis.loads
