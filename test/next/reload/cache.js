import { MemcachedClient } from 'mintring'

const newClient = () => new MemcachedClient(process.env.MEMCACHED_SERVERS, { unref: true })

// For comparison: what an app has that does not follow the recipe.
if (process.env.CLIENT_PER_LOAD) globalThis.cache = newClient()
// The recipe of docs/production.md: one client per process, however often this module is loaded.
globalThis.cache ??= newClient()
globalThis.loads = (globalThis.loads ?? 0) + 1
export const cache = globalThis.cache
export const loads = globalThis.loads
