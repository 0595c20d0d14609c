import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createCache } from 'cache-manager'
import Keyv from 'keyv'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache } from './support.ts'

describe('cache-manager on mintring, over Keyv', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()
  const newCache = () =>
    createCache({ stores: [new Keyv({ store: new KeyvMintring(real.cache) })] })

  test('sets, gets, deletes and clears', async () => {
    const cache = newCache()
    await cache.set('a', { n: 1 }, 60_000)
    await cache.mset([
      { key: 'b', value: 2 },
      { key: 'c', value: 'three' },
    ])
    assert.deepEqual(await cache.mget(['a', 'b', 'c', 'd']), [{ n: 1 }, 2, 'three', undefined])
    await cache.del('a')
    assert.equal(await cache.get('a'), undefined)
    await cache.clear()
    assert.equal(await cache.get('b'), undefined)
  })

  test('wraps a loader and calls it once per key', async () => {
    const cache = newCache()
    let calls = 0
    const load = async () => {
      calls++
      return { loaded: calls }
    }
    assert.deepEqual(await cache.wrap('w', load, 60_000), { loaded: 1 })
    assert.deepEqual(await cache.wrap('w', load, 60_000), { loaded: 1 })
    assert.equal(calls, 1)
  })

  test('shares its values with another process (here: another client)', async () => {
    await newCache().set('shared', 'v')
    assert.equal(await newCache().get('shared'), 'v')
  })
})
