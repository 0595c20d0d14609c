import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { sleep } from '../support/test-cluster.ts'

const KEYS = 10
/** A timeout that is long enough for a busy machine. */
const SLOW = { requestTimeoutMs: 5_000, connectTimeoutMs: 5_000 }

describe('tags during a handover', { skip: skipWithoutMemcached() }, () => {
  test('mark nothing fresh that is older than an acknowledged invalidation', async (t) => {
    const servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
    t.after(() => Promise.all(servers.map((server) => server.stop())))
    const all = servers.map(({ host, port }) => `${host}:${port}`)
    const clients = [1, 2].map(() => new MemcachedClient(all.slice(0, 2), SLOW))
    t.after(() => Promise.all(clients.map((client) => client.close({ drainMs: 0 }))))
    const policy = { ttl: 600, staleWhileRevalidate: 60, tags: Array.from('abcdef') }
    let origin = 0
    let version = 0
    let isOver = false
    let fresh = 0
    const readAll = async (client: MemcachedClient): Promise<void> => {
      while (!isOver) {
        for (let i = 0; i < KEYS; i++) {
          const atLeast = version
          const { state, value } = await client.getOrSetEntry(`k${i}`, () => origin, policy)
          if (state !== 'fresh' && state !== 'miss') continue
          fresh++
          assert.ok(value >= atLeast, `${value} is ${state} after ${atLeast}`)
        }
      }
    }
    const reading = Promise.all(clients.map(readAll))
    const invalidate = async (): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const next = version + 1
        origin = next
        // An invalidation that rejects is not acknowledged.
        const told = clients[i % 2]!.invalidateTags(policy.tags[i % 6]!)
        await told.then(
          () => {
            version = next
          },
          () => {},
        )
        await sleep(300)
      }
    }
    const writing = invalidate()
    await sleep(300)
    for (const client of clients) {
      client.setServers(all, { announce: 2, handover: 4 })
      await sleep(500)
    }
    await sleep(6_000)
    isOver = true
    await Promise.all([reading, writing])
    assert.ok(fresh >= 10, `${fresh} fresh`)
  })
})
