import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { startServer } from '../../src/embedded/server.ts'
import { freePort, startMemcached } from '../support/memcached.ts'
import { Fleet, TTL } from './fleet.ts'

/** So long that the announcement still lasts when the test ends, on any machine. */
const CHANGE = { announce: 600, handover: 600 } as const
const KEYS = Array.from({ length: 100 }, (_, i) => `key:${i}`)
const OUT = { code: 'MINTRING_HOST_EJECTED' }

async function fill(client: MemcachedClient, value: string): Promise<void> {
  await client.setMany(new Map(KEYS.map((key) => [key, value])), TTL)
}

async function valuesOf(client: MemcachedClient): Promise<Set<unknown>> {
  return new Set(await Promise.all(KEYS.map((key) => client.get(key))))
}

describe('a process that starts with the new list during the announcement', {
  concurrency: 5,
}, () => {
  test('reads and writes the same values as the other processes', async (context) => {
    const fleet = await Fleet.start(context)
    const informed = fleet.join(3)
    const ignorant = fleet.join(3)
    await fill(ignorant, 'before')
    informed.setServers(fleet.places(4), CHANGE)
    await fleet.until(informed, 'announce')
    const newcomer = fleet.join(4)
    assert.deepEqual(await valuesOf(newcomer), new Set(['before']))
    assert.equal(newcomer.handover?.phase, 'announce')
    await fill(newcomer, 'of the newcomer')
    assert.deepEqual(await valuesOf(ignorant), new Set(['of the newcomer']))
    await fill(ignorant, 'of the ignorant')
    for (const client of [newcomer, informed]) {
      assert.deepEqual(await valuesOf(client), new Set(['of the ignorant']))
    }
  })

  for (const weights of [':1 :4', ':4 :1', ':2 :9']) {
    test(`finds the homes before a change of one host's weight from${weights.replace(' ', ' to ')}`, async (context) => {
      const fleet = await Fleet.start(context)
      const [host, ...others] = fleet.places(4)
      const [before = [], after = []] = weights
        .split(' ')
        .map((weight) => [host + weight, ...others])
      const ignorant = fleet.join(before)
      const informed = fleet.join(before)
      await fill(ignorant, 'before')
      informed.setServers(after, CHANGE)
      await fleet.until(informed, 'announce')
      const newcomer = fleet.join(after)
      await fill(newcomer, 'of the newcomer')
      assert.deepEqual(await valuesOf(ignorant), new Set(['of the newcomer']))
    })
  }

  test('takes part in the handover from its first command on, whatever that is', async (context) => {
    const fleet = await Fleet.start(context)
    const informed = fleet.join(3)
    await fill(informed, 'before')
    informed.setServers(fleet.places(4), CHANGE)
    await fleet.until(informed, 'announce')
    const batch = await fleet.join(4).getMany(KEYS)
    assert.equal(batch.size, KEYS.length)
    await fill(fleet.join(4), 'in a batch')
    assert.deepEqual(await valuesOf(informed), new Set(['in a batch']))
    const reader = fleet.join(4)
    for (const key of KEYS) {
      assert.equal(await reader.getOrSet(key, () => 'loaded', { ttl: 300 }), 'in a batch')
    }
    const remover = fleet.join(4)
    await Promise.all(KEYS.map((key) => remover.delete(key)))
    assert.deepEqual(await valuesOf(informed), new Set([undefined]))
  })

  test('asks a host that left the list when its address resembles the others', async (context) => {
    const port = await freePort()
    const fleet = await Fleet.start(context, (index) => {
      return startMemcached({ host: `127.0.0.${index + 2}`, port })
    })
    const informed = fleet.join(4)
    await fill(informed, 'before')
    informed.setServers(fleet.places(3), CHANGE)
    await fleet.until(informed, 'announce')
    const newcomer = fleet.join(3)
    assert.deepEqual(await valuesOf(newcomer), new Set(['before']))
    await fill(newcomer, 'after')
    assert.deepEqual(await valuesOf(informed), new Set(['after']))
  })

  test('misses keys of a host that left the list, and rejects writes of them, when it may not connect to that host', async (context) => {
    const fleet = await Fleet.start(context)
    const informed = fleet.join(4)
    await fill(informed, 'before')
    const isOfLast = (key: string): boolean => informed.locate(key).server === fleet.places(4)[3]
    const lost = KEYS.filter(isOfLast)
    informed.setServers(fleet.places(3), CHANGE)
    await fleet.until(informed, 'announce')
    const newcomer = fleet.join(3)
    for (const key of lost) {
      const loaded = await newcomer.getOrSet(key, () => 'loaded', { ttl: 300 })
      assert.equal(loaded, 'loaded')
      assert.equal(await newcomer.get(key), undefined)
      await assert.rejects(newcomer.set(key, 'x', TTL), OUT)
      await assert.rejects(newcomer.delete(key), OUT)
      await assert.rejects(newcomer.invalidate(key), OUT)
    }
    assert.deepEqual(await valuesOf(informed), new Set(['before']))
  })

  test('connects to no address of a forged mark', async (context) => {
    const fleet = await Fleet.start(context)
    const dialled = await listening(context)
    const thief = fleet.join(4)
    // The forged mark of this change names the attacker's server as a previous one.
    thief.setServers([...fleet.places(3), `127.0.0.1:${dialled.port}`], { handover: 0 })
    thief.setServers(fleet.places(3), CHANGE)
    await fleet.until(thief, 'announce')
    await thief.close()
    const byThief = dialled.count
    const newcomer = fleet.join(3)
    await Promise.all(KEYS.map((key) => newcomer.get(key)))
    assert.equal(newcomer.handover?.fromServers.length, 4)
    assert.equal(dialled.count, byThief)
  })
})

test('a process that starts while values move stores its first value on the new host', async (context) => {
  const fleet = await Fleet.start(context)
  const informed = fleet.join(3)
  await fill(informed, 'before')
  informed.setServers(fleet.places(4), { announce: '1s', handover: 600 })
  await fleet.until(informed, 'move')
  const joined = new MemcachedClient(fleet.places(4).slice(3), { handover: 0 })
  context.after(() => joined.close())
  const moving = KEYS.filter((key) => informed.locate(key).server === fleet.places(4)[3])
  assert.ok(moving.length > 3)
  // Until the host that joins is cleared, every process still follows the rules of `announce`.
  const [probe, ...others] = moving as [string, ...string[]]
  while ((await joined.get(probe)) !== 'moved') {
    await informed.set(probe, 'moved', TTL)
    await sleep(20)
  }
  for (const key of others.slice(0, 3)) {
    await fleet.join(4).set(key, 'of a newcomer', TTL)
    assert.equal(await joined.get(key), 'of a newcomer')
  }
})

test('a newcomer finds the handover on a host that was restarted meanwhile', async () => {
  await using one = await startServer()
  const before = await startServer()
  const servers = [one.address, before.address]
  await using informed = new MemcachedClient(one.address, CHANGE)
  await informed.set('key', 'value', TTL)
  informed.setServers(servers)
  while (informed.handover === undefined) await sleep(10)
  await before.close()
  await using _ = await startServer({ port: before.port })
  const key = KEYS.find((name) => informed.locate(name).server === before.address)!
  let isFound = false
  for (const endMs = Date.now() + 30_000; !isFound && Date.now() < endMs; ) {
    await using newcomer = new MemcachedClient(servers)
    await newcomer.get(key)
    isFound = newcomer.handover !== undefined
    await sleep(50)
  }
  assert.ok(isFound)
})

test('a mark that a connection finds after close() starts nothing', async (context) => {
  const fleet = await Fleet.start(context)
  const informed = fleet.join(3)
  informed.setServers(fleet.places(4), CHANGE)
  await fleet.until(informed, 'announce')
  const late = fleet.join(4)
  const { cluster } = Reflect.get(late, '_core') as ClientCore
  const { handovers } = cluster
  const greet = handovers.closed.bind(handovers)
  const found: Parameters<typeof greet>[] = []
  handovers.closed = (...greeting) => found.push(greeting) === 0
  await late.get('key')
  assert.ok(found.some(([, , item]) => item !== undefined))
  await late.close()
  for (const greeting of found) assert.equal(greet(...greeting), false)
  assert.equal(late.handover, undefined)
})

interface Listening {
  readonly port: number
  count: number
}

/** A server that counts connections and replies like a memcached. */
async function listening(context: TestContext): Promise<Listening> {
  const server = createServer((socket) => {
    told.count++
    socket.on('error', () => {})
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const told = { port: (server.address() as AddressInfo).port, count: 0 }
  context.after(() => server.close())
  return told
}
