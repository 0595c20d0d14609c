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
  setMany: async (client, key) => {
    const { failed } = await client.setMany(new Map([[key, 2]]), { ttl: 300 })
    for (const error of failed.values()) throw error
  },
  delete: (client, key) => client.delete(key),
  deleteMany: async (client, key) => {
    const { failed } = await client.deleteMany([key])
    for (const error of failed.values()) throw error
  },
  invalidate: (client, key) => client.invalidate(key),
  refresh: (client, key) => client.refresh(key, () => 2, POLICY),
}

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

async function begin(client: MemcachedClient, to: readonly string[]): Promise<void> {
  client.setServers(to, CHANGE)
  while (client.handover === undefined) await sleep(10)
}

async function seeItDown({ informed, key }: Outage): Promise<void> {
  while (!informed.locate(key).ejected) await informed.get(key).catch(() => sleep(10))
}

/** Whether the process with the old list could make the change, when its host had come back. */
async function changeSoon(
  { unheard, key }: Outage,
  change: (client: MemcachedClient, key: string) => Promise<unknown>,
): Promise<boolean> {
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
async function assertSeen(
  outage: Outage,
  change: (client: MemcachedClient, key: string) => Promise<unknown>,
): Promise<boolean> {
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
        await seeItDown(outage)
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
        await seeItDown(outage)
        await begin(outage.informed, outage.to)
        await outage.memcached.restart()
        assert.equal(await assertSeen(outage, change), false)
      })
    })
  }
})
