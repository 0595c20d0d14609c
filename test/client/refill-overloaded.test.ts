import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { connect } from './support.ts'

const KEYS = Array.from({ length: 500 }, (_, i) => `k${i}`)

for (const protocol of ['meta', 'classic'] as const) {
  for (const placeholder of ['inline', 'sidecar'] as const) {
    test(`a full queue rejects calls, and loads no key without the cache, ${protocol}, ${placeholder}`, async (context) => {
      const server = await startServer()
      context.after(() => server.close())
      // Only the queue refuses calls: on a busy machine none of them times out.
      const settings = { protocol, maxQueuedPerHost: 20, requestTimeoutMs: 60_000 }
      const cache = connect(context, server.address, settings)
      const policy = { ttl: 60, placeholder, lease: 60 } as const
      const loaded = new Set<string>()
      const load = (key: string): string => {
        loaded.add(key)
        return key
      }
      await cache.set('other', 1)
      const calls = await Promise.allSettled(KEYS.map((key) => cache.getOrSet(key, load, policy)))
      const codes = calls.map((call) => (call.status === 'rejected' ? call.reason.code : 'value'))
      const served = codes.filter((code) => code === 'value').length
      const refused = codes.filter((code) => code === 'MINTRING_OVERLOADED').length
      assert.ok(refused > 0 && refused + served === KEYS.length, codes.join())
      assert.equal(loaded.size, served, 'a rejected call has loaded nothing')
      const many = cache.getOrSetMany(KEYS, (keys) => new Map(keys.map((k) => [k, k])), policy)
      await assert.rejects(many, { code: 'MINTRING_OVERLOADED' })
      assert.equal(cache.refillCounters.states.bypass, 0)
    })
  }
}
