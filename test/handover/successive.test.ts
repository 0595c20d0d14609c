import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'

const LENGTHS = { announce: 1, handover: 2 }
const TTL = { ttl: 600 }
/** Longer than the remaining time of the handover when the change begins. */
const SLOW_MS = 600
const LEFT_MS = 150

describe('a write that begins under one handover and ends under the next', () => {
  for (const [what, change] of Object.entries({
    set: (client: MemcachedClient, key: string) => client.set(key, 'new', TTL),
    delete: (client: MemcachedClient, key: string) => client.delete(key),
    invalidate: (client: MemcachedClient, key: string) => client.invalidate(key),
  })) {
    test(`${what} reaches the hosts that are read under the next handover`, async () => {
      await using first = await startServer()
      await using second = await startServer()
      await using third = await startServer()
      await using client = new MemcachedClient(first.address, {
        ...LENGTHS,
        requestTimeoutMs: 10_000,
      })
      await client.set('key', 'older', TTL)
      client.setServers(second.address)
      await sleep(LENGTHS.announce * 1_000)
      while (client.handover?.phase === 'announce') await sleep(10)
      await client.set('key', 'old', TTL)
      const { endsAtMs = 0 } = client.handover ?? {}
      // The new list waits for the end of the current handover.
      client.setServers(third.address)
      await sleep(Math.max(0, endsAtMs - Date.now() - LEFT_MS))
      await first.inject({ delayMs: SLOW_MS })
      await change(client, 'key')
      const entry = await client.getOrSetEntry('key', () => 'new', { ttl: 60 })
      assert.ok(entry.value === 'new' || entry.state === 'stale', `${entry.state} ${entry.value}`)
    })
  }
})

describe('setServers during a handover', () => {
  const names = (client: MemcachedClient): string[] => client.hosts().map(({ name }) => name)

  const untilOver = async (client: MemcachedClient): Promise<void> => {
    while (client.handover !== undefined) await sleep(20)
  }

  /** Changes the servers, and waits for the handover to begin. */
  const change = async (client: MemcachedClient, server: string): Promise<void> => {
    const begun = new Promise((resolve) => client.on('handover', resolve))
    client.setServers(server)
    await begun
  }

  test('waits for its end, and of several lists only the last one is used', async () => {
    await using first = await startServer()
    await using second = await startServer()
    await using third = await startServer()
    await using client = new MemcachedClient(first.address, LENGTHS)
    await change(client, second.address)
    client.setServers(third.address)
    client.setServers(first.address)
    assert.deepEqual(names(client), [second.address])
    const seen = new Set<string>()
    while (!seen.has(first.address) || client.handover !== undefined) {
      seen.add(names(client).join())
      await sleep(20)
    }
    assert.deepEqual([...seen], [second.address, first.address])
  })

  test('is used when the handover that it waits for turns out to be over already', async () => {
    await using first = await startServer()
    await using second = await startServer()
    await using third = await startServer()
    const settings = { ...LENGTHS, previous: { servers: first.address } }
    await using earlier = new MemcachedClient(second.address, settings)
    await earlier.set('key', 'value', TTL)
    await untilOver(earlier)
    await using client = new MemcachedClient(second.address, settings)
    client.setServers(third.address)
    assert.deepEqual(names(client), [second.address])
    await client.set('other', 'value', TTL)
    while (names(client).join() !== third.address) await sleep(20)
  })

  test('is cancelled when a later call returns to the list in use', async () => {
    await using first = await startServer()
    await using second = await startServer()
    await using client = new MemcachedClient(first.address, LENGTHS)
    await client.set('key', 'value', TTL)
    await change(client, second.address)
    client.setServers(first.address)
    client.setServers(second.address)
    await untilOver(client)
    assert.deepEqual(names(client), [second.address])
    assert.equal(client.handover, undefined)
  })

  test('ends the handover at once when it is called with handover 0', async () => {
    await using first = await startServer()
    await using second = await startServer()
    await using client = new MemcachedClient(first.address, LENGTHS)
    await client.set('key', 'value', TTL)
    await change(client, second.address)
    client.setServers(first.address, { handover: 0 })
    assert.equal(client.handover, undefined)
    assert.deepEqual(names(client), [first.address])
    assert.equal(await client.get('key'), 'value')
  })

  test('with handover 0 from the start sends no commands of a handover', async () => {
    await using first = await startServer()
    await using second = await startServer()
    await using client = new MemcachedClient(first.address, LENGTHS)
    await client.set('key', 'value', TTL)
    client.setServers([first.address, second.address], { handover: 0 })
    await client.set('key', 'value', TTL)
    // Only a key that has another host now is deleted, behind its lock.
    const stats = (await client.stats()).get(first.address)
    assert.equal(stats?.delete_misses, stats?.delete_hits)
  })
})
