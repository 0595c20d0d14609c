import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ClearableStore } from '../../src/integrations/clearable.ts'
import { generationKey, safeKey } from '../../src/integrations/safe-key.ts'
import { connect, serve } from '../client/support.ts'

describe('ClearableStore, which adapters use to clear a namespace', () => {
  test('loses its values when its generation is evicted, and never returns them again', async (t) => {
    const { cache } = await serve(t)
    const store = new ClearableStore(cache, () => ['scope'])
    await store.set('k', 'v', 0)
    await cache.delete(generationKey('scope', ''))
    assert.equal(await store.get('k'), undefined)
    await store.set('other', 'w', 0)
    assert.equal(await store.get('k'), undefined)
    assert.equal(await store.get('other'), 'w')
  })

  test('creates one generation when many processes make the first write at the same time', async (t) => {
    const { cache } = await serve(t)
    const stores = Array.from({ length: 8 }, () => new ClearableStore(cache, () => ['s']))
    await Promise.all(stores.map((store, i) => store.set(`k${i}`, i, 0)))
    const found = await new ClearableStore(cache, () => ['s']).getMany(
      stores.map((_, i) => `k${i}`),
    )
    assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('does not return a value whose write began before its scope was cleared', async (t) => {
    const { cache, server } = await serve(t)
    const store = new ClearableStore(cache, () => ['s'])
    await store.set('k', 'first', 0)
    await server.inject({ delayMs: 80, only: ['get'], times: 1 })
    const writing = store.set('k', 'second', 0)
    await new Promise((wake) => setTimeout(wake, 30))
    await new ClearableStore(connect(t, server.address), () => ['s']).clear('s')
    await writing
    assert.equal(await store.get('k'), undefined)
  })

  test('stores values under any key without overwriting its own generations', async (t) => {
    const { cache } = await serve(t)
    const store = new ClearableStore(cache, () => [''])
    await store.set('k', 'v', 0)
    for (const key of ['#generation:', generationKey('', ''), ':#generation']) {
      await store.set(key, 'mine', 0)
      assert.equal(await store.get(key), 'mine')
    }
    assert.equal(await store.get('k'), 'v')
  })

  test('ignores values that other clients stored under its keys', async (t) => {
    const { cache } = await serve(t)
    const store = new ClearableStore(cache, () => [''])
    await store.set('k', 'v', 0)
    for (const value of ['text', null, 7, { value: 'x' }, { generation: 'x', value: 'x' }]) {
      await cache.set('k', value)
      assert.equal(await store.get('k'), undefined)
    }
  })
})

describe('the key that adapters send', () => {
  test('is unchanged when memcached accepts it', () => {
    for (const key of ['a', 'user:1', 'ключ', 'x'.repeat(250)]) assert.equal(safeKey(key, ''), key)
  })

  test('is a digest when memcached would refuse it', () => {
    const odd = ['', ' ', 'a b', 'a\r\nb', '\x7f', '\ud800', 'x'.repeat(251), '#sha256:x', '#x']
    const safe = odd.map((key) => safeKey(key, ''))
    for (const key of safe) assert.match(key, /^#sha256:[\w-]{43}$/)
    assert.equal(new Set(safe).size, odd.length)
  })

  test('leaves room for the keyPrefix of the client', () => {
    assert.match(safeKey('x'.repeat(250), 'p'), /^#sha256:/)
    assert.equal(safeKey('x'.repeat(249), 'p'), 'x'.repeat(249))
    const longest = generationKey('x'.repeat(300), 'p'.repeat(125))
    assert.ok(125 + longest.length <= 250)
  })
})
