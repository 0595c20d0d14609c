import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'

const KEYS = Array.from({ length: 400 }, (_, i) => `key:${i}`)
const CHANGE = { announce: 1, handover: 6 } as const
/** Long timeouts, so that no request fails on a busy machine. */
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000, retryTimeoutMs: 10_000 }

test('a host that dies, leaves the list and is listed again when it is back costs the origin its share of the keys once', {
  skip: skipWithoutMeta(),
}, async (t) => {
  const memcacheds = await Promise.all(Array.from({ length: 4 }, () => startMemcached()))
  t.after(() => Promise.all(memcacheds.map(({ kill }) => kill())))
  const all = memcacheds.map(({ host, port }) => `${host}:${port}`)
  await using client = new MemcachedClient(all, { ...CHANGE, ...PATIENT })
  const phase = (): string | undefined => client.handover?.phase
  let loads = 0
  const readAll = async (): Promise<number> => {
    loads = 0
    for (const key of KEYS) await client.getOrSet(key, () => `value ${++loads}`, { ttl: 600 })
    return loads
  }
  assert.equal(await readAll(), KEYS.length)
  const share = KEYS.filter((key) => client.locate(key).server === all[3]).length
  assert.ok(share > 0)
  await memcacheds[3]!.kill()
  client.setServers(all.slice(0, 3))
  while (phase() === undefined) await sleep(10)
  assert.equal(await readAll(), share)
  while (phase() !== undefined) await sleep(50)
  await memcacheds[3]!.restart()
  client.setServers(all)
  while (phase() !== 'move') await sleep(10)
  assert.equal(await readAll(), 0)
  assert.equal(client.locate(KEYS[0]!).ejected, false)
})
