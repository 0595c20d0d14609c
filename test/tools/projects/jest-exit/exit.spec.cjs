const { MemcachedClient } = require('mintring')

// CLIENT is how the test leaves its client: closed, unref or open.
test('a client that is used, and left as told', async () => {
  const way = process.env.CLIENT
  const cache = new MemcachedClient(process.env.MEMCACHED, { unref: way === 'unref' })
  const key = `jest:exit:${way}`
  expect(await cache.getOrSet(key, async () => 1, { ttl: 60 })).toBe(1)
  expect(await cache.get(key)).toBe(1)
  if (way === 'closed') await cache.close()
})
