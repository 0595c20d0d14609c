import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { begin, CHANGE } from './outage.ts'

describe('a process that starts with the old list', { skip: skipWithoutMeta() }, () => {
  test('changes no key of a previous host that was restarted, because the others do not use it', async (t) => {
    const memcacheds = await Promise.all([1, 2, 3, 4].map(() => startMemcached()))
    t.after(() => Promise.all(memcacheds.map(({ kill }) => kill())))
    const before = memcacheds.map(({ host, port }) => `${host}:${port}`)
    const leaving = before[1]!
    const client = new MemcachedClient(before, CHANGE)
    t.after(() => client.close({ drainMs: 0 }))
    const all = Array.from({ length: 60 }, (_, i) => `key:${i}`)
    const keys = all.filter((key) => client.locate(key).server === leaving)
    await begin(
      client,
      before.filter((address) => address !== leaving),
    )
    // The first writes wait until the fleet knows of the change.
    for (const key of keys) await client.set(key, 'v1')
    await memcacheds[1]!.kill()
    const isSet = (key: string): Promise<boolean> => client.set(key, 'v2').catch(() => false)
    for (const key of keys) while (!(await isSet(key))) await sleep(20)
    await memcacheds[1]!.restart()
    for (const key of keys.slice(0, 6)) {
      const late = new MemcachedClient(before, CHANGE)
      t.after(() => late.close({ drainMs: 0 }))
      await assert.rejects(late.set(key, 'v3'), { code: 'MINTRING_HOST_EJECTED' })
      assert.equal(await late.get(key), undefined)
      assert.equal(await client.get(key), 'v2')
    }
  })
})
