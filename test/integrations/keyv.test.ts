import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { serve } from '../client/support.ts'

describe('the Keyv adapter', () => {
  test('stores, reads, deletes, and returns whether a key is present', async (t) => {
    const { cache } = await serve(t)
    const store = new KeyvMintring(cache)
    assert.equal(await store.set('a', '{"value":1}'), true)
    assert.equal(await store.get('a'), '{"value":1}')
    assert.equal(await store.has('a'), true)
    assert.deepEqual(await store.hasMany(['a', 'b']), [true, false])
    assert.deepEqual(await store.getMany(['b', 'a']), [undefined, '{"value":1}'])
    assert.equal(await store.delete('a'), true)
    assert.equal(await store.delete('a'), false)
    assert.equal(await store.has('a'), false)
  })

  test('takes milliseconds from now in version 5, and a date in version 6', async (t) => {
    const { cache } = await serve(t)
    await new KeyvMintring(cache).set('five', 'v', 1001)
    await new KeyvMintring(cache, { keyv: 6 }).set('six', 'v', Date.now() + 90_000)
    const five = await cache.meta.mg('five', { t: true })
    const six = await cache.meta.mg('six', { t: true })
    assert.equal(five.ttl, 2)
    assert.ok(six.ttl === 90 || six.ttl === 89, `${six.ttl}`)
  })

  test('removes the value when it is set with a ttl in the past', async (t) => {
    const { cache } = await serve(t)
    for (const [store, over] of [
      [new KeyvMintring(cache), -1],
      [new KeyvMintring(cache, { keyv: 6 }), Date.now() - 1],
    ] as const) {
      await store.set('k', 'old')
      assert.equal(await store.set('k', 'new', over), true)
      assert.equal(await store.get('k'), undefined)
    }
  })

  test('clears its namespace with one write, and no other namespace', async (t) => {
    const { cache } = await serve(t)
    const one = new KeyvMintring(cache, { keyv: 6 })
    const two = new KeyvMintring(cache, { keyv: 6 })
    one.namespace = 'one'
    two.namespace = 'two'
    await one.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ])
    await two.set('a', 3)
    await one.clear()
    assert.deepEqual(await one.getMany(['a', 'b']), [undefined, undefined])
    assert.equal(await two.get('a'), 3)
    await one.set('a', 4)
    assert.equal(await one.get('a'), 4)
  })

  test('returns one result for deleteMany in version 5 and one per key in version 6', async (t) => {
    const { cache } = await serve(t)
    const five = new KeyvMintring(cache)
    await five.set('a', 1)
    assert.equal(await five.deleteMany(['a', 'b']), true)
    assert.equal(await five.deleteMany(['a', 'b']), false)
    const six = new KeyvMintring(cache, { keyv: 6 })
    await six.set('a', 1)
    assert.deepEqual(await six.deleteMany(['a', 'b']), [true, false])
    assert.deepEqual(six.capabilities, { expires: true })
    assert.equal(five.capabilities, undefined)
  })

  test('rejects when memcached is down: a failure is no miss', async (t) => {
    const { cache, server } = await serve(t, { autoEjectHosts: false, retries: 0 })
    const store = new KeyvMintring(cache)
    await store.set('a', 1)
    await server.kill()
    await assert.rejects(store.get('a'), isMintringError)
    await assert.rejects(store.getMany(['a', 'b']), isMintringError)
    await assert.rejects(store.set('a', 2), isMintringError)
    await store.disconnect()
  })
})
