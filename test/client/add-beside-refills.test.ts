import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { onBothServers } from './both-servers.ts'

const POLICY = { ttl: 60, lease: 4, jitter: 0 } as const

/** A loader that reports its call and resolves when the test ends it. */
function heldLoader() {
  let finish = (_value: string): void => {}
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const value = new Promise<string>((resolve) => {
    finish = resolve
  })
  const loader = (): Promise<string> => {
    begin()
    return value
  }
  return { loader, begun, finish }
}

onBothServers((pair) => {
  for (const protocol of ['auto', 'classic'] as const) {
    test(`add stores over the lock that a killed loading process left, ${protocol}`, async () => {
      const key = `left:${protocol}`
      const dying = new MemcachedClient(pair.server.address, { protocol })
      const { loader, begun } = heldLoader()
      dying.getOrSet(key, loader, POLICY).catch(() => {})
      await begun
      assert.equal(await pair.cache.get(key), undefined)
      assert.equal(await pair.cache.add(key, 'added', { ttl: 60 }), true)
      assert.equal(await pair.cache.add(key, 'late'), false)
      assert.equal(await pair.cache.get(key), 'added')
      await dying.close({ drainMs: 0 })
    })

    test(`an add during a load stores its value, and the loaded value is then not stored, ${protocol}`, async (t) => {
      const key = `raced:${protocol}`
      const cache = new MemcachedClient(pair.server.address, { protocol })
      t.after(() => cache.close())
      const { loader, begun, finish } = heldLoader()
      const loading = cache.getOrSetEntry(key, loader, POLICY)
      await begun
      assert.equal(await cache.add(key, 'added'), true)
      finish('loaded')
      assert.deepEqual(await loading, { value: 'loaded', state: 'uncached' })
      assert.equal(await cache.get(key), 'added')
    })
  }

  test('exactly one of many adds during one load stores', async () => {
    const { loader, begun, finish } = heldLoader()
    const loading = pair.cache.getOrSet('many', loader, POLICY)
    await begun
    const numbers = Array.from({ length: 20 }, (_, i) => i)
    const added = await Promise.all(numbers.map((i) => pair.cache.add('many', i)))
    assert.equal(added.filter(Boolean).length, 1)
    assert.equal(await pair.cache.get('many'), added.indexOf(true))
    finish('loaded')
    assert.equal(await loading, 'loaded')
  })

  test('add stores when the key is absent, and not over an empty value', async () => {
    for (const value of ['', Buffer.alloc(0), null, 0, false, {}]) {
      await pair.cache.set('there', value)
      assert.equal(await pair.cache.add('there', 'other'), false)
      assert.deepEqual(await pair.cache.get('there'), value)
    }
  })
})
