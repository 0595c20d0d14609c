import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { onMetaServers } from './both-servers.ts'

const POLICY = { ttl: 60, staleWhileRevalidate: 60, jitter: 0, placeholder: 'sidecar' } as const

const REMOVALS = {
  delete: (client: MemcachedClient, key: string) => client.delete(key),
  deleteMany: async (client: MemcachedClient, key: string) => {
    return (await client.deleteMany([key, 'nothing'])).get(key)
  },
  'invalidate without a stale window': (client: MemcachedClient, key: string) => {
    return client.invalidate(key, { staleWhileRevalidate: 0 })
  },
}
const AFTER_SET = (Object.keys(REMOVALS) as (keyof typeof REMOVALS)[]).flatMap((remove) => {
  return ['reads', 'never read', 'cannot read'].map((who) => ({ remove, who }))
})

/** A loader that returns `old` when it is told to. */
function heldLoader() {
  let begin: () => void = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  let end: () => void = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const load = (): Promise<string> => {
    begin()
    return ended.then(() => 'old')
  }
  return { load, begun, end }
}

onMetaServers((pair) => {
  for (const remove of ['delete', 'deleteMany', 'invalidate'] as const) {
    test(`a load stores nothing after ${remove} by a client that never read the key`, async () => {
      const other = new MemcachedClient(pair.server.address)
      try {
        const key = `page-${remove}`
        const old = heldLoader()
        const entry = pair.cache.getOrSetEntry(key, old.load, POLICY)
        await old.begun
        if (remove === 'delete') assert.equal(await other.delete(key), false)
        else if (remove === 'deleteMany') await other.deleteMany([key, 'nothing'])
        else await other.invalidate(key)
        old.end()
        assert.deepEqual(await entry, { value: 'old', state: 'uncached' })
        assert.equal(await pair.cache.get(key), undefined)
        const next = await pair.cache.getOrSetEntry(key, () => 'new', POLICY)
        assert.deepEqual([next.value, next.state], ['new', 'miss'])
      } finally {
        await other.close()
      }
    })
  }

  for (const { remove, who } of AFTER_SET) {
    test(`a load stores nothing after a plain set and ${remove} by a client that ${who} such keys`, async () => {
      const protocol = who === 'cannot read' ? 'classic' : 'auto'
      const other = new MemcachedClient(pair.server.address, { protocol })
      try {
        const key = `page-set-${remove}-${who}`.replaceAll(' ', '-')
        if (who === 'reads') await other.getOrSet('page-read', () => 'read', POLICY)
        const old = heldLoader()
        const entry = pair.cache.getOrSetEntry(key, old.load, POLICY)
        await old.begun
        await other.set(key, 'set', { ttl: 60 })
        assert.equal(await REMOVALS[remove](other, key), true)
        old.end()
        assert.deepEqual(await entry, { value: 'old', state: 'uncached' })
        const next = await pair.cache.getOrSetEntry(key, () => 'new', POLICY)
        assert.deepEqual([next.value, next.state], ['new', 'miss'])
      } finally {
        await other.close()
      }
    })
  }

  test('a key of a caller is never the lock or heartbeat item of another key', async () => {
    const { cache } = pair
    await cache.set('door:lock', 'mine')
    const values = await Promise.all([
      cache.getOrSet('door', () => sleep(30, 'page'), POLICY),
      cache.getOrSet('door:lock', () => 'other', POLICY),
    ])
    assert.deepEqual(values, ['page', 'mine'])
    await cache.invalidate('door', POLICY)
    assert.equal((await cache.getOrSetEntry('door:lock', () => 'other', POLICY)).state, 'fresh')
  })
})
