import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createStorage, type Driver, restoreSnapshot } from 'unstorage'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache } from './support.ts'

describe('unstorage on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()
  const newStorage = (base?: string) => {
    const options = { client: real.cache, ...(base === undefined ? {} : { base }) }
    return createStorage({ driver: unstorageDriver(options) as unknown as Driver })
  }
  beforeEach(() => newStorage().clear())

  test('sets, has, gets and removes an item', async () => {
    const storage = newStorage()
    assert.equal(await storage.hasItem('s1:a'), false)
    assert.equal(await storage.getItem('s1:a'), null)
    await storage.setItem('s1:a', 'text')
    await storage.setItem('s3:a?q=1', 'with a query')
    assert.equal(await storage.hasItem('s1:a'), true)
    assert.equal(await storage.getItem('s1:a'), 'text')
    assert.equal(await storage.getItem('s3:a?q=2'), 'with a query')
    await storage.removeItem('s1:a')
    assert.equal(await storage.getItem('s1:a'), null)
  })

  test('keeps objects, primitives, falsy values and bytes', async () => {
    const storage = newStorage()
    const values = { object: { json: ['works'] }, yes: true, no: false, zero: 0, text: '' }
    for (const [key, value] of Object.entries(values)) {
      await storage.setItem(`data:${key}`, value)
      assert.deepEqual(await storage.getItem(`data:${key}`), value)
    }
    await assert.rejects(storage.setItem('bad', new (class Bad {})()), /Cannot stringify/)
    const bytes = new Uint8Array([0, 1, 2, 255])
    await storage.setItemRaw('raw.bin', bytes)
    assert.deepEqual(
      Buffer.from((await storage.getItemRaw('raw.bin')) as Buffer),
      Buffer.from(bytes),
    )
  })

  test('gets and sets many items', async () => {
    const storage = newStorage()
    await storage.setItems([
      { key: 't:1', value: 'one' },
      { key: 't:2', value: 'two' },
    ])
    assert.deepEqual(await storage.getItems([{ key: 't:1' }, 't:2', 't:none']), [
      { key: 't:1', value: 'one' },
      { key: 't:2', value: 'two' },
      { key: 't:none', value: null },
    ])
  })

  test('restores a snapshot, and clears storage, also when it is empty', async () => {
    const storage = newStorage()
    await restoreSnapshot(storage, { initial: 'works' })
    assert.equal(await storage.getItem('initial'), 'works')
    await storage.clear()
    await storage.clear()
    assert.equal(await storage.getItem('initial'), null)
    assert.deepEqual(await storage.getKeys(), [])
  })

  test('separates two drivers by their base', async () => {
    const one = newStorage('one')
    const two = newStorage('two')
    await one.setItem('k', 1)
    await two.setItem('k', 2)
    await one.clear()
    assert.equal(await one.getItem('k'), null)
    assert.equal(await two.getItem('k'), 2)
  })

  test('keeps an item for its ttl', async () => {
    const storage = newStorage()
    // memcached may expire an item up to one second early, so the test uses two.
    await storage.setItem('short', 'v', { ttl: 2 })
    assert.equal(await storage.getItem('short'), 'v')
    await delay(3100)
    assert.equal(await storage.getItem('short'), null)
  })
})
