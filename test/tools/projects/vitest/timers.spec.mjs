import { MemcachedClient } from 'mintring'
import { afterEach, expect, test, vi } from 'vitest'

const address = process.env.MEMCACHED

afterEach(() => vi.useRealTimers())

test('get, set and refills settle while timers are fake', async () => {
  const cache = new MemcachedClient(address)
  const key = `vitest:${Math.random()}`
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'setInterval', 'Date', 'performance'] })
  vi.setSystemTime(new Date('2001-01-01'))
  expect(await cache.set(key, { n: 1 }, { ttl: 31 * 86_400 })).toBe(true)
  expect(await cache.get(key)).toEqual({ n: 1 })
  expect(await Promise.all([cache.get(key), cache.get('nope')])).toEqual([{ n: 1 }, undefined])
  expect(await cache.getOrSet(`${key}:refill`, async () => 1, { ttl: 60 })).toBe(1)
  vi.useRealTimers()
  await cache.close()
})
