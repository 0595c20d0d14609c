import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
/** One failure ejects a host, which is dialled again soon. */
const QUICK = {
  ...{ serverFailureLimit: 1, retryTimeoutMs: 200, connectTimeoutMs: 200, retries: 0 },
  ...{ requestTimeoutMs: 10_000, failover: 'error' },
} as const
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
  'incr with initial': (client, key) => client.incr(key, 1, { initial: 2, ttl: 300 }),
}

describe('a previous host that was down when the change began, and is back', {
  skip: skipWithoutMeta(),
}, () => {
  for (const [verb, change] of Object.entries(CHANGES)) {
    test(`gets ${verb} by a process that saw it down, because one that starts now reads it`, async () => {
      const memcacheds = await Promise.all([startMemcached(), startMemcached()])
      const [home, other] = memcacheds.map(({ host, port }) => `${host}:${port}`) as [
        string,
        string,
      ]
      const informed = new MemcachedClient([home, other], QUICK)
      const key = Array.from({ length: 100 }, (_, i) => `key:${i}`).find((name) => {
        return informed.locate(name).server === home
      })!
      try {
        await informed.set(key, 0, { ttl: 300 })
        await memcacheds[0]!.kill()
        while (!informed.locate(key).ejected) await informed.get(key).catch(() => sleep(10))
        informed.setServers(other, CHANGE)
        while (informed.handover === undefined) await sleep(10)
        await memcacheds[0]!.restart()
        await backAt(informed, home)
        await using newcomer = new MemcachedClient(other, {
          ...{ ...QUICK, ...CHANGE, previous: { servers: [home, other] } },
        })
        assert.equal(await newcomer.getOrSet(key, () => 1, POLICY), 1)
        await change(informed, key)
        const { state, value } = await newcomer.getOrSetEntry(key, () => 2, POLICY)
        assert.ok(value === 2 || state === 'stale', `${value} is ${state}`)
      } finally {
        await informed.close()
        await Promise.all(memcacheds.map(({ kill }) => kill()))
      }
    })
  }
})

/** Waits until the client is connected to a host that left its list. */
async function backAt(client: MemcachedClient, name: string): Promise<void> {
  const { cluster } = Reflect.get(client, '_core')
  const host = cluster.handover.from.hosts.find((one: { name: string }) => one.name === name)
  while (!host.usable || !host.isConnected) await sleep(20)
}
