// Drivers that make each client do the same work: get and set of strings with promises, and
// getMany. Each client is set up as its documentation says, with one connection per server where
// that is an option.
import { connectBare } from './limit.mjs'

/** `connect` returns `{ get, set, getMany?, close }`; the worker chooses the keys. */
export const drivers = {
  mintring: async ({ servers, behaviors, dist }) => {
    const { MemcachedClient } = await import(dist)
    const client = new MemcachedClient(servers, behaviors)
    const policy = { ttl: 3600, staleWhileRevalidate: 600 }
    const loader = () => {
      throw new Error('a hit was expected')
    }
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      getMany: (keys) => client.getMany(keys),
      getOrSet: (key) => client.getOrSet(key, loader, policy),
      seed: (key, value) => client.getOrSet(key, () => value, policy),
      close: () => client.close(),
    }
  },

  /**
   * Each operation uses the next of several clients: a turn's batch is split over their
   * connections.
   */
  'mintring-split': async ({ split, ...settings }) => {
    const make = () => drivers.mintring(settings)
    const clients = await Promise.all(Array.from({ length: split }, make))
    let next = 0
    const one = () => clients[next++ % split]
    return {
      get: (key) => one().get(key),
      set: (key, value) => one().set(key, value),
      close: () => Promise.all(clients.map((client) => client.close())),
    }
  },

  'limit-get': ({ servers, flush }) => connectBare({ servers, style: 'get', flush }),
  'limit-mg': ({ servers, flush }) => connectBare({ servers, style: 'mg', flush }),

  memjs: async ({ servers }) => {
    const { default: memjs } = await import('memjs')
    const client = memjs.Client.create(servers.join(','))
    return {
      get: async (key) => (await client.get(key)).value.toString(),
      set: (key, value) => client.set(key, value, {}),
      close: () => client.quit(),
    }
  },

  memcached: async ({ servers }) => {
    const { default: Memcached } = await import('memcached')
    const client = new Memcached(servers, { poolSize: 10, maxValue: 1048576 })
    const promised = (start) =>
      new Promise((resolve, reject) => {
        start((error, data) => (error ? reject(error) : resolve(data)))
      })
    return {
      get: (key) => promised((done) => client.get(key, done)),
      set: (key, value) => promised((done) => client.set(key, value, 0, done)),
      getMany: (keys) => promised((done) => client.getMulti(keys, done)),
      close: () => client.end(),
    }
  },

  memcache: async ({ servers }) => {
    const { Memcache } = await import('memcache')
    const client = new Memcache({ nodes: servers })
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      getMany: (keys) => client.gets(keys),
      close: () => client.disconnect(),
    }
  },

  'memcache-client': async ({ servers }) => {
    const { MemcacheClient } = await import('memcache-client')
    const all = servers.map((server) => ({ server, maxConnections: 1 }))
    const server = all.length === 1 ? all[0] : { servers: all }
    // By default it keeps a value for a minute, and a miss is fast.
    const client = new MemcacheClient({ server, lifetime: 3600 })
    return {
      get: async (key) => (await client.get(key))?.value,
      set: (key, value) => client.set(key, value),
      getMany: (keys) => client.get(keys),
      close: () => client.shutdown(),
    }
  },

  'memcache-plus': async ({ servers }) => {
    const { default: MemcachePlus } = await import('memcache-plus')
    const client = new MemcachePlus({ hosts: servers })
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      getMany: (keys) => client.getMulti(keys),
      close: () => client.disconnect(),
    }
  },

  '@keyv/memcache': async ({ servers }) => {
    const { default: Keyv } = await import('keyv')
    const { KeyvMemcache } = await import('@keyv/memcache')
    const store = new KeyvMemcache(servers.join(','))
    const client = new Keyv({ store })
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      getMany: (keys) => client.getMany(keys),
      close: () => store.client.quit(),
    }
  },
}
