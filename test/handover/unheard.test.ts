import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { CHANGES, type KeyChange, POLICY } from './key-changes.ts'
import { begin, CHANGE, SEES_IT_BACK, SEES_IT_DOWN, seeItDown } from './outage.ts'

interface Outage {
  readonly memcached: Memcached
  readonly key: string
  /** The list after the change, which has the key's host no longer. */
  readonly to: readonly string[]
  readonly informed: MemcachedClient
  /** A process with the old list, which sees the host come back at once. */
  readonly unheard: MemcachedClient
}

async function withOutage(work: (outage: Outage) => Promise<void>): Promise<void> {
  const memcacheds = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const from = memcacheds.map(({ host, port }) => `${host}:${port}`)
  const informed = new MemcachedClient(from, SEES_IT_DOWN)
  const unheard = new MemcachedClient(from, { ...SEES_IT_BACK, ...CHANGE })
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  const key = keys.find((name) => informed.locate(name).server === from[0])!
  try {
    for (const client of [informed, unheard]) await client.setMany(new Map(keys.map((k) => [k, 0])))
    await work({ memcached: memcacheds[0]!, key, to: from.slice(1), informed, unheard })
  } finally {
    await Promise.all([informed.close(), unheard.close()])
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

/** Whether the process with the old list could make the change, when its host had come back. */
async function changeSoon({ unheard, key }: Outage, change: KeyChange): Promise<boolean> {
  for (;;) {
    try {
      await change(unheard, key)
      return true
    } catch (error) {
      const { code } = error as { readonly code?: string }
      if (code === 'MINTRING_HOST_EJECTED') return false
      await sleep(20)
    }
  }
}

/** Makes a change in the process with the old list. If that succeeds, the other one must see it. */
async function assertSeen(outage: Outage, change: KeyChange): Promise<boolean> {
  const { informed, key } = outage
  assert.equal(await informed.getOrSet(key, () => 1, POLICY), 1)
  const isDone = await changeSoon(outage, change)
  const { state, value } = await informed.getOrSetEntry(key, () => 2, POLICY)
  if (isDone) assert.ok(value === 2 || state === 'stale', `${value} is ${state}`)
  return isDone
}

describe('a change by a process that has not heard of a new list', {
  skip: skipWithoutMeta(),
}, () => {
  for (const [verb, change] of Object.entries(CHANGES)) {
    test(`is seen by one whose host was restarted before the announcement: ${verb}`, async () => {
      await withOutage(async (outage) => {
        await outage.memcached.kill()
        await seeItDown(outage.informed, outage.key)
        await outage.memcached.restart()
        while ((await outage.unheard.get(outage.key).catch(() => 'down')) === 'down')
          await sleep(10)
        await begin(outage.informed, outage.to)
        assert.ok(await assertSeen(outage, change))
      })
    })

    test(`is rejected on a host that is restarted during the announcement: ${verb}`, async () => {
      await withOutage(async (outage) => {
        await begin(outage.informed, outage.to)
        await outage.memcached.kill()
        await outage.informed.get(outage.key).catch(() => undefined)
        await outage.memcached.restart()
        assert.equal(await assertSeen(outage, change), false)
        assert.equal(await outage.unheard.get(outage.key), undefined)
        outage.unheard.setServers(outage.to, CHANGE)
        await change(outage.unheard, outage.key)
      })
    })

    test(`is rejected on a host that was down when the announcement began: ${verb}`, async () => {
      await withOutage(async (outage) => {
        await outage.memcached.kill()
        await seeItDown(outage.informed, outage.key)
        await begin(outage.informed, outage.to)
        await outage.memcached.restart()
        assert.equal(await assertSeen(outage, change), false)
      })
    })
  }
})
