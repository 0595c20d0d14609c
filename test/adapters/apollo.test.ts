import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { type RealCache, realCache } from './support.ts'

const require = createRequire(import.meta.url)
const { runKeyValueCacheTests } = require('apollo-server-caching/dist/testsuite.js')

/**
 * Waits for the next second of memcached's clock: an item with a ttl of 1 s then lives a full
 * second.
 */
async function nextSecond({ cache, address }: RealCache): Promise<void> {
  const time = async () => (await cache.stats()).get(address)?.time
  const now = await time()
  while ((await time()) === now) await new Promise(setImmediate)
}

describe('Apollo on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  test("passes Apollo's own test suite in real time", async () => {
    await nextSecond(real)
    const asleep = new Int32Array(new SharedArrayBuffer(4))
    // Apollo's suite does not await `tick`, so waiting must block the thread.
    const tick = (ms: number) => Atomics.wait(asleep, 0, 0, ms)
    await runKeyValueCacheTests(new ApolloCache(real.cache), tick)
  })

  test('accepts the keys that Apollo generates', async () => {
    const cache = new ApolloCache(real.cache)
    const key = `fqc:{ "query": "{ me { name } }" } ${'x'.repeat(300)}`
    await cache.set(key, '{"data":{}}', { ttl: 60 })
    assert.equal(await cache.get(key), '{"data":{}}')
    assert.equal(await cache.delete(key), true)
    assert.equal(await cache.get(key), undefined)
  })
})
