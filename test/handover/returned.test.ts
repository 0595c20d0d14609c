import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMeta, startMemcached } from '../support/memcached.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
const BEHAVIORS: BehaviorsInput = {
  ...{ serverFailureLimit: 1, retries: 0, failover: 'error' },
  ...{ requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 },
}
/** A failed host is not dialled again before the test ends. */
const SEES_IT_DOWN: BehaviorsInput = { ...BEHAVIORS, retryTimeoutMs: 600_000 }
const SEES_IT_BACK: BehaviorsInput = { ...BEHAVIORS, autoEjectHosts: false, retryTimeoutMs: 10_000 }
const POLICY = { ttl: 300, staleWhileRevalidate: 60 }

const CHANGES: Readonly<
  Record<string, (client: MemcachedClient, key: string) => Promise<unknown>>
> = {
  set: (client, key) => client.set(key, 2, { ttl: 300 }),
  setMany: (client, key) => client.setMany(new Map([[key, 2]]), { ttl: 300 }),
  delete: (client, key) => client.delete(key),
  deleteMany: (client, key) => client.deleteMany([key]),
  invalidate: (client, key) => client.invalidate(key),
  refresh: (client, key) => client.refresh(key, () => 2, POLICY),
}

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

async function begin(client: MemcachedClient, to: readonly string[]): Promise<void> {
  client.setServers(to, CHANGE)
  while (client.handover === undefined) await sleep(10)
}

/** Reads the key in `reader`, changes it in `informed`, and reads it in `reader` again. */
async function assertSeen(
  { informed, key }: Outage,
  reader: MemcachedClient,
  change: (client: MemcachedClient, key: string) => Promise<unknown>,
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
        while (!informed.locate(key).ejected) await informed.get(key).catch(() => sleep(10))
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
