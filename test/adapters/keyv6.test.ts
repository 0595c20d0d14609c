import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Keyv from 'keyv6'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache } from './support.ts'

describe('Keyv 6 on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()
  const newStore = () => new KeyvMintring(real.cache, { keyv: 6 })

  test('calls the adapter directly, without its bridge for older adapters', () => {
    const store = newStore()
    assert.equal(new Keyv({ store: store as never }).store, store)
  })

  test('passes an absolute date to the adapter, which keeps the value until then', async () => {
    const store = newStore()
    // memcached may expire an item up to one second early, so the test uses two.
    await store.set('dated', 'v', Date.now() + 2000)
    assert.equal(await store.get('dated'), 'v')
    assert.deepEqual(await store.hasMany(['dated', 'not there']), [true, false])
    await delay(3100)
    assert.equal(await store.get('dated'), undefined)
    assert.equal(await store.has('dated'), false)
  })

  test('accepts a date in the past and stores nothing', async () => {
    const store = newStore()
    await store.set('over', 'old')
    assert.equal(await store.set('over', 'new', Date.now() - 10), true)
    assert.equal(await store.get('over'), undefined)
  })

  test('returns one result per key for many keys', async () => {
    const store = newStore()
    const entries = [
      { key: 'm1', value: 1 },
      { key: 'm2', value: { two: 2 }, expires: Date.now() + 60_000 },
    ]
    assert.deepEqual(await store.setMany(entries), [true, true])
    assert.deepEqual(await store.getMany(['m1', 'none', 'm2']), [1, undefined, { two: 2 }])
    assert.deepEqual(await store.deleteMany(['m1', 'none', 'm2']), [true, false, true])
    assert.deepEqual(await store.getMany(['m1', 'm2']), [undefined, undefined])
    assert.deepEqual(await store.setMany([]), [])
    assert.deepEqual(await store.getMany([]), [])
    assert.deepEqual(await store.hasMany([]), [])
    assert.deepEqual(await store.deleteMany([]), [])
  })

  test('deletes a key and returns whether it existed', async () => {
    const store = newStore()
    await store.set('d', 'v')
    assert.equal(await store.delete('d'), true)
    assert.equal(await store.delete('d'), false)
  })

  test('clears one namespace and no other', async () => {
    const one = new Keyv({ store: newStore() as never, namespace: 'one' })
    const two = new Keyv({ store: newStore() as never, namespace: 'two' })
    await one.set('k', 1)
    await two.set('k', 2)
    await one.clear()
    assert.equal(await one.get('k'), undefined)
    assert.equal(await two.get('k'), 2)
  })

  test('works through Keyv: ttl, many keys, has, delete and values of all kinds', async () => {
    const keyv = new Keyv({ store: newStore() as never, namespace: 'all' })
    assert.equal(await keyv.set('a', { deep: [1, 'zwei', null] }, 60_000), true)
    await keyv.setMany([
      { key: 'b', value: 'text' },
      { key: 'c', value: 0 },
    ])
    assert.deepEqual(await keyv.getMany(['a', 'b', 'c', 'd']), [
      { deep: [1, 'zwei', null] },
      'text',
      0,
      undefined,
    ])
    assert.equal(await keyv.has('a'), true)
    assert.equal(await keyv.delete('a'), true)
    assert.equal(await keyv.has('a'), false)
    await keyv.set('short', 'v', 50)
    await delay(80)
    assert.equal(await keyv.get('short'), undefined, 'Keyv itself is exact to the millisecond')
    await keyv.disconnect()
    assert.equal(await keyv.get('b'), 'text', 'the client stays open')
  })
})
