import { createRequire } from 'node:module'
import { MemcachedClient } from '../../src/client/client.ts'
import type { LoadTarget } from '../../test/support/fault-load.ts'

/** A client under comparison, with the most favourable settings it offers. */
export interface Contender extends LoadTarget {
  close(): Promise<unknown> | unknown
}

/** The timeout that every client gets for a reply. */
export const TIMEOUT_MS = 500
/** How long clients leave a dead host alone. */
export const RETRY_MS = 2_000

const require = createRequire(import.meta.url)
// The packages below have no types, or the types of another version.
const load = (name: string): Record<string, new (...options: unknown[]) => Untyped> => require(name)

interface Untyped {
  [verb: string]: (...options: unknown[]) => Promise<unknown>
}

/** Makes the named client for these servers. */
export const contenders: Readonly<Record<string, (servers: readonly string[]) => Contender>> = {
  mintring(servers) {
    const client = new MemcachedClient(servers, {
      requestTimeoutMs: TIMEOUT_MS,
      serverFailureLimit: 2,
      retryTimeoutMs: RETRY_MS,
    })
    return {
      get: (key) => client.get(key),
      set: (key, value) => client.set(key, value),
      close: () => client.close(),
    }
  },

  memjs(servers) {
    const { Client } = require('memjs')
    const options = { timeout: 0.5, conntimeout: 0.5, failover: true, failoverTime: 2 }
    const client = Client.create(servers.join(','), options)
    return {
      get: async (key) => (await client.get(key)).value?.toString(),
      set: (key, value) => client.set(key, value, { expires: 0 }),
      close: () => client.close(),
    }
  },

  memcached(servers) {
    const Memcached = require('memcached')
    const options = { timeout: 500, failures: 2, retry: 2_000, reconnect: 2_000, retries: 1 }
    const client = new Memcached(servers, { ...options, remove: true, poolSize: 25 })
    const call = (verb: string, ...given: unknown[]): Promise<unknown> =>
      new Promise((resolve, reject) => {
        client[verb](...given, (error: unknown, value: unknown) => {
          if (error) reject(error)
          else resolve(value)
        })
      })
    return {
      get: (key) => call('get', key),
      set: (key, value) => call('set', key, value, 0),
      close: () => client.end(),
    }
  },

  'memcache-client'(servers) {
    const { MemcacheClient } = load('memcache-client')
    const client = new MemcacheClient!({
      server: {
        servers: servers.map((server) => ({ server, maxConnections: 1 })),
        config: { retryFailedServerInterval: 2_000, failedServerOutTime: 2_000 },
      },
      cmdTimeout: 500,
      connectTimeout: 500,
    })
    return {
      get: async (key) => ((await client.get!(key)) as { value?: unknown } | undefined)?.value,
      set: (key, value) => client.set!(key, value, { lifetime: 0 }),
      close: () => client.shutdown!(),
    }
  },

  memcache(servers) {
    const { Memcache } = load('memcache')
    const client = new Memcache!({
      nodes: servers,
      timeout: 500,
      retries: 1,
      retryDelay: 0,
      retryOnlyIdempotent: false,
    })
    return {
      get: (key) => client.get!(key),
      set: (key, value) => client.set!(key, value),
      close: () => client.disconnect!(),
    }
  },
}
