import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, startMemcached } from '../support/memcached.ts'

const CHANGE = { handover: 4, announce: 1 } as const
const KEYS = 300
const TTL = { ttl: 600 } as const

const servers: Memcached[] = []
const clients: MemcachedClient[] = []

beforeEach(async () => {
  for (let i = 0; i < 4; i++) servers.push(await startMemcached())
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

function places(count: number): string[] {
  return servers.slice(0, count).map(({ port }) => `127.0.0.1:${port}`)
}

/** The phases that each client told of. */
const phases = new Map<MemcachedClient, string[]>()

function join(list: string[], behaviors = {}): MemcachedClient {
  const client = new MemcachedClient(list, behaviors)
  const told: string[] = []
  phases.set(client, told)
  client.on('handover', ({ phase }) => told.push(phase))
  clients.push(client)
  return client
}

async function fill(client: MemcachedClient): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    await client.set(`plain:${i}`, `v${i}`, TTL)
    await client.getOrSet(`page:${i}`, () => `p${i}`, { ttl: 300 })
  }
}

/** How many values a client no longer finds; loads are misses of pages. */
async function missing(client: MemcachedClient): Promise<{ plain: number; loads: number }> {
  const found = { plain: 0, loads: 0 }
  const load = (key: string): string => {
    found.loads++
    return key
  }
  for (let i = 0; i < KEYS; i++) {
    const value = await client.get(`plain:${i}`)
    if (value === undefined) found.plain++
    else assert.equal(value, `v${i}`)
    const page = await client.getOrSet(`page:${i}`, load, { ttl: 300 })
    assert.ok(page === `p${i}` || page === `page:${i}`)
  }
  return found
}

/** A slow machine may be in a later phase by then: what is promised holds in all of them. */
async function until(client: MemcachedClient, phase: 'announce' | 'move' | 'end'): Promise<void> {
  while (!phases.get(client)!.includes(phase)) await sleep(20)
}

const NOTHING = { plain: 0, loads: 0 }

describe('a change of servers', () => {
  test('moves every value when a host joins: nothing is loaded, by whichever process', async () => {
    const one = join(places(3))
    const other = join(places(3))
    await fill(one)
    one.setServers(places(4), CHANGE)
    await until(one, 'announce')
    assert.deepEqual(await missing(one), NOTHING)
    assert.deepEqual(await missing(other), NOTHING)
    other.setServers(places(4), CHANGE)
    await until(one, 'move')
    await until(other, 'move')
    assert.deepEqual(await missing(other), NOTHING)
    await until(one, 'end')
    await until(other, 'end')
    assert.deepEqual(await missing(one), NOTHING)
    assert.deepEqual(await missing(other), NOTHING)
  })

  test('moves every value when a host leaves, and lets go of it at the end', async () => {
    const client = join(places(4))
    await fill(client)
    client.setServers(places(3), CHANGE)
    await until(client, 'move')
    assert.deepEqual(await missing(client), NOTHING)
    await until(client, 'end')
    assert.deepEqual(await missing(client), NOTHING)
    assert.equal(client.hosts().length, 3)
  })

  test('a host that was home before serves nothing of that time', async () => {
    const before = join(places(4), { handover: 0 })
    await fill(before)
    // Changes that the fourth host does not hear of: it leaves, and comes back.
    const client = join(places(3), { handover: 0 })
    for (let i = 0; i < KEYS; i++) await client.set(`plain:${i}`, `v${i} new`, TTL)
    client.setServers(places(4), CHANGE)
    for (const phase of ['announce', 'move', 'end'] as const) {
      await until(client, phase)
      for (let i = 0; i < KEYS; i++) assert.equal(await client.get(`plain:${i}`), `v${i} new`)
    }
  })

  test('counters move with their value', async () => {
    const client = join(places(3))
    for (let i = 0; i < 50; i++) await client.set(`count:${i}`, '10', TTL)
    client.setServers(places(4), CHANGE)
    for (const [step, phase] of (['announce', 'move', 'end'] as const).entries()) {
      await until(client, phase)
      for (let i = 0; i < 50; i++) {
        assert.equal(await client.incr(`count:${i}`), 11n + BigInt(step), `${phase} ${i}`)
      }
    }
  })

  test('cas with an id of the previous home does not succeed at the new one', async () => {
    const client = join(places(3))
    const keys = Array.from({ length: 50 }, (_, i) => `stock:${i}`)
    for (const key of keys) await client.set(key, 1, TTL)
    const before = await Promise.all(keys.map((key) => client.gets(key)))
    client.setServers(places(4), CHANGE)
    const home = new Map(keys.map((key) => [key, client.locate(key).server]))
    await until(client, 'move')
    const moved = keys.filter((key) => home.get(key) === places(4)[3])
    assert.ok(moved.length > 0)
    for (const key of moved) {
      const old = before[keys.indexOf(key)]!
      assert.equal(await client.cas(key, 2, old.cas), 'exists')
      const now = await client.gets<number>(key)
      assert.equal(now?.value, 1)
      assert.equal(await client.cas(key, 3, now.cas), 'stored')
      assert.equal(await client.get(key), 3)
    }
  })

  test('batches reach both homes in every phase', async () => {
    const client = join(places(3))
    const other = join(places(3))
    const keys = Array.from({ length: 100 }, (_, i) => `batch:${i}`)
    client.setServers(places(4), CHANGE)
    for (const [step, phase] of (['announce', 'move', 'end'] as const).entries()) {
      await until(client, phase)
      await client.setMany(new Map(keys.map((key) => [key, step])), TTL)
      const found = await client.getMany(keys)
      assert.deepEqual(
        [...found.values()],
        keys.map(() => step),
      )
      const deleted = await client.deleteMany(keys.slice(0, 50))
      assert.ok([...deleted.values()].every(Boolean))
      assert.equal((await client.getMany(keys)).size, 50)
      if (step === 0) assert.equal((await other.getMany(keys)).size, 50)
    }
  })

  test('is over for a process that restarts with previous after the end', async () => {
    const change = { ...CHANGE, previous: { servers: places(3) } }
    const first = join(places(3))
    await fill(first)
    const second = join(places(4), change)
    await until(second, 'announce')
    await until(second, 'end')
    await second.set('plain:0', 'v0', TTL)
    const third = join(places(4), change)
    await third.get('plain:0')
    assert.equal(third.handover, undefined)
  })

  test('goes from modula to ketama', async () => {
    const first = join(places(3), { distribution: 'modula' })
    await fill(first)
    const second = join(places(3), {
      ...CHANGE,
      previous: { servers: places(3), distribution: 'modula' },
    })
    await until(second, 'announce')
    assert.deepEqual(await missing(second), NOTHING)
    await until(second, 'move')
    assert.deepEqual(await missing(second), NOTHING)
    await until(second, 'end')
    assert.deepEqual(await missing(second), NOTHING)
  })
})
