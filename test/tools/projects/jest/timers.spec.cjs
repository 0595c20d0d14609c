const { MemcachedClient, isMintringError } = require('mintring')

const address = process.env.MEMCACHED

afterEach(() => jest.useRealTimers())

test('get, set and refills settle while timers are fake', async () => {
  jest.useFakeTimers()
  const cache = new MemcachedClient(address)
  const key = `jest:${Math.random()}`
  expect(await cache.get(key)).toBeUndefined()
  expect(await cache.set(key, { n: 1 }, { ttl: 60 })).toBe(true)
  expect(await Promise.all([cache.get(key), cache.get(key)])).toEqual([{ n: 1 }, { n: 1 }])
  expect(await cache.getOrSet(`${key}:refill`, async () => 1, { ttl: 60 })).toBe(1)
  await cache.close()
})

test('a timeout counts in real time while timers are fake', async () => {
  jest.useFakeTimers()
  const cache = new MemcachedClient('127.0.0.1:1', { retries: 0 })
  const error = await cache.get('k', { timeoutMs: 20 }).catch((thrown) => thrown)
  expect(isMintringError(error)).toBe(true)
  await cache.close()
})

test('bytes and signals of the jest realm are accepted', async () => {
  const cache = new MemcachedClient(address)
  const key = `jest:bytes:${Math.random()}`
  await cache.set(key, new Uint8Array([1, 2]), { signal: new AbortController().signal })
  expect([...(await cache.get(key))]).toEqual([1, 2])
  await expect(cache.set(key, new Map())).rejects.toMatchObject({ code: 'MINTRING_BAD_VALUE' })
  await cache.close()
})
