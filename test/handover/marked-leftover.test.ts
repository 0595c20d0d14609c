import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { TTL } from './fleet.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 } as const

for (const change of ['invalidate', 'refresh'] as const) {
  test(`an old item on the new host is not read after ${change} of its key, which changes its CAS id`, async () => {
    await using before = await startServer()
    await using after = await startServer()
    await using crawler = new MemcachedClient(after.address, { ...PATIENT, handover: 0 })
    await crawler.set('key', 'old', TTL)
    // So that the host cannot list its keys, and its old items are deleted one by one.
    await crawler.lruCrawler({ enabled: false })
    await using ignorant = new MemcachedClient(before.address, { ...PATIENT, handover: 0 })
    await ignorant.set('key', 'current', TTL)
    await using informed = new MemcachedClient(before.address, PATIENT)
    informed.setServers(after.address, CHANGE)
    if (change === 'invalidate') await informed.invalidate('key')
    else await informed.refresh('key', () => 'loaded', { ttl: 60 })
    await ignorant.delete('key')
    assert.notEqual(await informed.get('key'), 'old')
  })
}
