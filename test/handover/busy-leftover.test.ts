import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { memcachedAbilities, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { TTL } from './fleet.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 } as const
const { dumpsByHash, version } = memcachedAbilities()
const skip =
  skipWithoutMeta() || (dumpsByHash ? false : `memcached ${version} omits items that are in use`)

/** Waits until the server of the client has executed gets, and can execute no more. */
async function untilBlocked(client: MemcachedClient): Promise<void> {
  for (let before = 0; ; ) {
    await sleep(100)
    const [stats] = (await client.stats()).values()
    const executed = Number(stats?.cmd_get)
    if (executed > 0 && executed === before) return
    before = executed
  }
}

test('an old item that a slow client is reading while its host is cleared is not read after it', {
  skip,
}, async () => {
  const servers = await Promise.all([startMemcached(), startMemcached()])
  const [before, after] = servers.map(({ host, port }) => `${host}:${port}`) as [string, string]
  const slow = connect(servers[1]!.port, servers[1]!.host)
  try {
    await once(slow, 'connect')
    await using earlier = new MemcachedClient(after, PATIENT)
    await earlier.set('key', randomBytes(900_000), TTL)
    // Until the server has sent all replies, it uses the item.
    slow.pause()
    slow.write('get key\r\n'.repeat(200))
    await untilBlocked(earlier)
    await using ignorant = new MemcachedClient(before, PATIENT)
    await ignorant.set('key', 'current', TTL)
    await using informed = new MemcachedClient(before, PATIENT)
    informed.setServers(after, CHANGE)
    const { cluster } = Reflect.get(informed, '_core') as ClientCore
    while (informed.handover === undefined) await sleep(10)
    while (cluster.handover!.mayHaveLeftovers(cluster.hosts[0]!)) await sleep(10)
    assert.equal(await informed.get('key'), 'current')
    await ignorant.delete('key')
    assert.equal(await informed.get('key'), undefined)
  } finally {
    slow.destroy()
    await Promise.all(servers.map(({ kill }) => kill()))
  }
})
