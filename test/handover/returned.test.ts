import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { CHANGES, type KeyChange, POLICY } from './key-changes.ts'
import { begin, CHANGE, SEES_IT_BACK, SEES_IT_DOWN, seeItDown } from './outage.ts'

interface Outage {
  readonly memcached: Memcached
  readonly key: string
  /** The lists before and after the change. */
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly informed: MemcachedClient
}

/** Runs a test with a key that moves from a host, and a process that knows of the change. */
async function withOutage(work: (outage: Outage) => Promise<void>): Promise<void> {
  const memcacheds = await Promise.all([startMemcached(), startMemcached()])
  const from = memcacheds.map(({ host, port }) => `${host}:${port}`)
  const informed = new MemcachedClient(from, SEES_IT_DOWN)
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  const key = keys.find((name) => informed.locate(name).server === from[0])!
  const to = from.slice(1)
  try {
    await informed.set(key, 0, { ttl: 300 })
    await work({ memcached: memcacheds[0]!, key, from, to, informed })
  } finally {
    await informed.close()
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  }
}

/** Reads the key in `reader`, changes it in `informed`, and reads it in `reader` again. */
async function assertSeen(
  { informed, key }: Outage,
  reader: MemcachedClient,
  change: KeyChange,
): Promise<void> {
  assert.equal(await reader.getOrSet(key, () => 1, POLICY), 1)
  await change(informed, key)
  const { state, value } = await reader.getOrSetEntry(key, () => 2, POLICY)
  assert.ok(value === 2 || state === 'stale', `${value} is ${state}`)
}

describe('a change by a process that still sees the previous host down', {
  skip: skipWithoutMeta(),
}, () => {
  for (const [verb, change] of Object.entries(CHANGES)) {
    test(`is seen by one that starts when the host is back: ${verb}`, async () => {
      await withOutage(async (outage) => {
        const { memcached, key, from, to, informed } = outage
        await memcached.kill()
        await seeItDown(informed, key)
        await begin(informed, to)
        await memcached.restart()
        await using newcomer = new MemcachedClient(to, {
          ...{ ...SEES_IT_BACK, ...CHANGE, previous: { servers: from } },
        })
        await assertSeen(outage, newcomer, change)
      })
    })

    test(`is seen by one that was connected again after the host was restarted: ${verb}`, async () => {
      await withOutage(async (outage) => {
        const { memcached, key, from, to, informed } = outage
        await using other = new MemcachedClient(from, SEES_IT_BACK)
        await other.get(key)
        await begin(informed, to)
        await begin(other, to)
        await memcached.kill()
        await informed.get(key).catch(() => undefined)
        await memcached.restart()
        await assertSeen(outage, other, change)
      })
    })
  }
})
