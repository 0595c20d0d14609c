import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { until } from '../support/test-cluster.ts'
import { connect } from './support.ts'

const WRITES: Readonly<Record<string, (cache: MemcachedClient, key: string) => Promise<unknown>>> =
  {
    set: (cache, key) => cache.set(key, 1),
    setMany: (cache, key) => cache.setMany({ [key]: 1 }),
    delete: (cache, key) => cache.delete(key),
    deleteMany: (cache, key) => cache.deleteMany([key]),
  }

describe('With failover off, a write for an ejected host makes it delete the key on its return:', () => {
  for (const [verb, write] of Object.entries(WRITES)) {
    it(verb, async (t) => {
      const servers = await Promise.all([startServer(), startServer()])
      t.after(() => Promise.all(servers.map((server) => server.close())))
      const addresses = servers.map(({ address }) => address)
      const cache = connect(t, addresses, { failover: 'error', serverFailureLimit: 1 })
      const state = () => cache.hosts()[0]!
      const key = Array.from({ length: 99 }, (_, at) => `k${at}`).find((one) => {
        return cache.locate(one).server === addresses[0]
      })!
      await cache.set(key, 0)
      await servers[0]!.close()
      await until(() => {
        cache.get(key).catch(() => undefined)
        return state().state === 'ejected'
      })
      assert.equal(state().owed, 0)
      await write(cache, key).catch(() => undefined)
      assert.equal(state().owed, 1)
    })
  }
})
