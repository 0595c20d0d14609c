import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { isMintringError } from '../../src/errors.ts'

test('getOrSet loads at once when every host is ejected', async (t) => {
  const cache = new MemcachedClient('127.0.0.1:1', { connectTimeoutMs: 100 })
  t.after(() => cache.close())
  const policy = { ttl: 60 }
  for (let i = 0; i < 3; i++) {
    const entry = await cache.getOrSetEntry('key', () => 'loaded', policy)
    assert.deepEqual({ ...entry }, { value: 'loaded', state: 'bypass' })
    assert.equal(await cache.getOrSet('key', () => 'loaded', policy), 'loaded')
  }
})

test('refresh rejects without a load when no host is reachable', async (t) => {
  const cache = new MemcachedClient('127.0.0.1:1', { connectTimeoutMs: 100 })
  t.after(() => cache.close())
  let loads = 0
  const page = cache.define({ key: 'key', ttl: 60, loader: () => ++loads })
  for (const refreshing of [cache.refresh('key', () => ++loads, { ttl: 60 }), page.refresh()]) {
    await assert.rejects(refreshing, (error) => isMintringError(error) && !error.sent)
  }
  assert.equal(loads, 0)
})
