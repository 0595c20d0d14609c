import assert from 'node:assert'
import { test } from 'node:test'
import { MemcachedClient } from 'mintring'

test('get, set and refills settle while timers are mocked', async (context) => {
  const cache = new MemcachedClient(process.env.MEMCACHED)
  context.mock.timers.enable()
  await cache.set('runner', 'x', { ttl: 60 })
  assert.equal(await cache.get('runner'), 'x')
  assert.deepEqual(await Promise.all([cache.get('runner'), cache.get('nope')]), ['x', undefined])
  assert.equal(await cache.getOrSet('runner:refill', async () => 1, { ttl: 60 }), 1)
  context.mock.timers.reset()
  await cache.close()
})
