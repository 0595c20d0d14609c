import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'

test('getOrSet loads, at once, when every host is out', async (t) => {
  const cache = new MemcachedClient('127.0.0.1:1', { connectTimeoutMs: 100 })
  t.after(() => cache.close())
  const policy = { ttl: 60 }
  for (let i = 0; i < 3; i++) {
    const entry = await cache.getOrSetEntry('key', () => 'loaded', policy)
    assert.deepEqual({ ...entry }, { value: 'loaded', state: 'bypass' })
    assert.equal(await cache.getOrSet('key', () => 'loaded', policy), 'loaded')
    assert.equal(await cache.refresh('key', () => 'loaded', policy), 'loaded')
  }
})
