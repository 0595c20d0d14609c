import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Keyv from 'keyv4'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache } from './support.ts'

/** Keyv 4 and a store written for that version, in a namespace. */
const newKeyv = (cache: ConstructorParameters<typeof KeyvMintring>[0], namespace: string) =>
  new Keyv({ store: new KeyvMintring(cache, { keyv: 4 }) as never, namespace })

describe('Keyv 4 on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  test('stores values of every kind', async () => {
    const keyv = newKeyv(real.cache, 'kinds')
    const values = { text: 'ü', number: 5, object: { a: [1, null] }, bytes: Buffer.from([0, 255]) }
    for (const [key, value] of Object.entries(values)) {
      assert.equal(await keyv.set(key, value), true)
      assert.deepEqual(await keyv.get(key), value)
      assert.equal(await keyv.has(key), true)
    }
    assert.deepEqual(await keyv.get(Object.keys(values)), Object.values(values))
    assert.equal(await keyv.get('none'), undefined)
  })

  test('deletes one key and many, and returns whether they existed', async () => {
    const keyv = newKeyv(real.cache, 'deleted')
    for (const key of ['a', 'b', 'c']) await keyv.set(key, key)
    assert.equal(await keyv.delete('a'), true)
    assert.equal(await keyv.delete('a'), false)
    assert.equal(await keyv.delete(['b', 'c']), true)
    assert.deepEqual(await keyv.get(['a', 'b', 'c']), [undefined, undefined, undefined])
  })

  test('clears its own namespace and no other', async () => {
    const [one, other] = [newKeyv(real.cache, 'one'), newKeyv(real.cache, 'other')]
    await one.set('k', 1)
    await other.set('k', 2)
    await one.clear()
    assert.deepEqual([await one.get('k'), await other.get('k')], [undefined, 2])
  })

  test('keeps a value for its ttl in milliseconds', async () => {
    const keyv = newKeyv(real.cache, 'ttl')
    await keyv.set('k', 1, 1500)
    const { ttl } = await real.cache.meta.mg('ttl:k', { t: true })
    assert.equal(ttl, 2)
    await keyv.set('over', 1, 1)
    await new Promise((wake) => setTimeout(wake, 5))
    assert.equal(await keyv.get('over'), undefined)
  })
})
