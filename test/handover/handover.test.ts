import './frozen-clock.ts'
import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta } from '../support/memcached.ts'
import { Fleet, TTL } from './fleet.ts'
import { CHANGE, fill, KEYS, reach, startFleet } from './frozen-fleet.ts'

/**
 * Counts what a client no longer finds. `plain`: values of a plain set. `loads`: pages of getOrSet,
 * which loads them again on a miss.
 */
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

const NOTHING = { plain: 0, loads: 0 }

/**
 * Real servers have clocks that the test cannot stop. That is no problem for one client alone,
 * because it reads the mark of the handover only once.
 */
const KINDS = {
  'embedded servers': { start: (context: TestContext) => startFleet(context), skip: false },
  // Without meta commands the ttl of a plain value cannot be read, so plain values do not move.
  'real servers': {
    start: (context: TestContext) => Fleet.start(context),
    skip: skipWithoutMeta(),
  },
} as const

for (const [what, { start, skip }] of Object.entries(KINDS)) {
  describe(`a change of ${what}, with a handover`, { skip }, () => {
    test('moves every value when a host leaves, and disconnects from the host at the end', async (context) => {
      const fleet = await start(context)
      const client = fleet.join(4)
      await fill(client)
      client.setServers(fleet.places(3), CHANGE)
      await reach(fleet, 'move', client)
      assert.deepEqual(await missing(client), NOTHING)
      await reach(fleet, 'end', client)
      assert.deepEqual(await missing(client), NOTHING)
      assert.equal(client.hosts().length, 3)
    })

    test('returns no old values of a host that had the keys at an earlier time', async (context) => {
      const fleet = await start(context)
      const before = fleet.join(4, { handover: 0 })
      await fill(before)
      // Changes that the fourth host does not get: it leaves, and comes back.
      const client = fleet.join(3, { handover: 0 })
      for (let i = 0; i < KEYS; i++) await client.set(`plain:${i}`, `v${i} new`, TTL)
      client.setServers(fleet.places(4), CHANGE)
      for (const phase of ['announce', 'move', 'end'] as const) {
        await reach(fleet, phase, client)
        for (let i = 0; i < KEYS; i++) assert.equal(await client.get(`plain:${i}`), `v${i} new`)
      }
    })

    test('moves counters with their value', async (context) => {
      const fleet = await start(context)
      const client = fleet.join(3)
      for (let i = 0; i < 50; i++) await client.set(`count:${i}`, '10', TTL)
      client.setServers(fleet.places(4), CHANGE)
      for (const [step, phase] of (['announce', 'move', 'end'] as const).entries()) {
        await reach(fleet, phase, client)
        for (let i = 0; i < 50; i++) {
          assert.equal(await client.incr(`count:${i}`), 11n + BigInt(step), `${phase} ${i}`)
        }
      }
    })

    test('refuses a cas on the new host with a CAS id of the previous host', async (context) => {
      const fleet = await start(context)
      const client = fleet.join(3)
      const keys = Array.from({ length: 50 }, (_, i) => `stock:${i}`)
      for (const key of keys) await client.set(key, 1, TTL)
      const before = await Promise.all(keys.map((key) => client.gets(key)))
      client.setServers(fleet.places(4), CHANGE)
      const home = new Map(keys.map((key) => [key, client.locate(key).server]))
      await reach(fleet, 'move', client)
      const moved = keys.filter((key) => home.get(key) === fleet.places(4)[3])
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

    test('sends batches to the previous and the new host in every phase', async (context) => {
      const fleet = await start(context)
      const client = fleet.join(3)
      const other = fleet.join(3)
      const keys = Array.from({ length: 100 }, (_, i) => `batch:${i}`)
      client.setServers(fleet.places(4), CHANGE)
      for (const [step, phase] of (['announce', 'move', 'end'] as const).entries()) {
        await reach(fleet, phase, client)
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
  })
}

describe('a change of servers with a handover', () => {
  test('moves every value when a host joins: no process loads anything', async (context) => {
    const fleet = await startFleet(context)
    const one = fleet.join(3)
    const other = fleet.join(3)
    await fill(one)
    one.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'announce', one)
    assert.deepEqual(await missing(one), NOTHING)
    assert.deepEqual(await missing(other), NOTHING)
    other.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'move', one, other)
    assert.deepEqual(await missing(other), NOTHING)
    await reach(fleet, 'end', one, other)
    assert.deepEqual(await missing(one), NOTHING)
    assert.deepEqual(await missing(other), NOTHING)
  })

  test('counts as ended for a process that restarts after the end with `previous` still set', async (context) => {
    const fleet = await startFleet(context)
    const change = { ...CHANGE, previous: { servers: fleet.places(3) } }
    const first = fleet.join(3)
    await fill(first)
    const second = fleet.join(4, change)
    await reach(fleet, 'announce', second)
    await reach(fleet, 'end', second)
    await second.set('plain:0', 'v0', TTL)
    const third = fleet.join(4, change)
    await third.get('plain:0')
    assert.equal(third.handover, undefined)
  })

  test('begins when configure sets previous, while the client runs', async (context) => {
    const fleet = await startFleet(context)
    await fill(fleet.join(3))
    const client = fleet.join(4, { handover: 0 })
    assert.notDeepEqual(await missing(client), NOTHING)
    await fill(fleet.join(3))
    client.configure({ ...CHANGE, previous: { servers: fleet.places(3) } })
    await reach(fleet, 'move', client)
    assert.deepEqual(await missing(client), NOTHING)
  })

  test('moves values from modula to ketama', async (context) => {
    const fleet = await startFleet(context)
    const first = fleet.join(3, { distribution: 'modula' })
    await fill(first)
    const second = fleet.join(3, {
      ...CHANGE,
      previous: { servers: fleet.places(3), distribution: 'modula' },
    })
    await reach(fleet, 'announce', second)
    assert.deepEqual(await missing(second), NOTHING)
    await reach(fleet, 'move', second)
    assert.deepEqual(await missing(second), NOTHING)
    await reach(fleet, 'end', second)
    assert.deepEqual(await missing(second), NOTHING)
  })

  test('ignores an ordinary item under the key of its mark, and delays no other key for it', async (context) => {
    const fleet = await startFleet(context)
    const client = fleet.join(3)
    await client.set('plain:0', 'v0', TTL)
    client.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'announce', client)
    const [mark] = await rawMark(fleet, 0)
    const other = fleet.join(3)
    for (let i = 0; i < 4; i++) await talk(fleet, i, `set ${mark} 0 0 4\r\nnone\r\n`)
    other.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'announce', other)
    for (let i = 0; i < 100; i++) await other.set(`plain:${i}`, `v${i}`, TTL)
  })

  test('costs no extra commands after it has ended: a client sends the same as one started later', async (context) => {
    const fleet = await startFleet(context)
    const client = fleet.join(3)
    await fill(client)
    client.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'end', client)
    const fresh = fleet.join(4)
    await missing(fresh)
    await missing(client)
    const ofClient = await commandsOf(fleet, () => allVerbs(client))
    const ofFresh = await commandsOf(fleet, () => allVerbs(fresh))
    assert.deepEqual(ofClient, ofFresh)
  })
})

/** Calls every kind of command, for keys of all hosts. */
async function allVerbs(client: MemcachedClient): Promise<void> {
  for (let i = 0; i < 100; i++) {
    await client.set(`verb:${i}`, '1', TTL)
    await client.get(`verb:${i}`)
    await client.gets(`verb:${i}`)
    await client.incr(`verb:${i}`)
    await client.getOrSet(`page:${i}`, () => 'x', { ttl: 300 })
    await client.invalidate(`verb:${i}`)
    await client.delete(`verb:${i}`)
  }
  await client.getMany(Array.from({ length: 100 }, (_, i) => `plain:${i}`))
}

const COUNTED = /^(cmd_(get|set|touch|meta)|(delete|incr|decr|cas)_(hits|misses))$/

/** How many commands of each kind the servers counted meanwhile. */
async function commandsOf(fleet: Fleet, work: () => Promise<void>): Promise<Map<string, number>> {
  const before = await counted(fleet)
  await work()
  const after = await counted(fleet)
  return new Map([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]))
}

async function counted(fleet: Fleet): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let i = 0; i < 4; i++) {
    for (const line of (await talk(fleet, i, 'stats\r\n')).split('\r\n')) {
      const [, name = '', value = ''] = line.split(' ')
      if (COUNTED.test(name)) counts.set(`${i} ${name}`, Number(value))
    }
  }
  return counts
}

/** Returns the keys of the handover marks on a server. */
async function rawMark(fleet: Fleet, index: number): Promise<string[]> {
  const dump = await talk(fleet, index, 'lru_crawler metadump all\r\n')
  const keys = [...dump.matchAll(/key=(\S+)/g)].map(([, key]) => unescape(key!))
  return keys.filter((key) => key.includes('~mintring~handover~'))
}

/** Sends bytes to a server and resolves to its reply, when nothing more has arrived for a while. */
async function talk(fleet: Fleet, index: number, command: string): Promise<string> {
  const socket = net.connect(fleet.servers[index]!.port, '127.0.0.1')
  const parts: Buffer[] = []
  socket.on('data', (part) => parts.push(part))
  socket.write(Buffer.from(command, 'latin1'))
  await sleep(200)
  socket.destroy()
  return Buffer.concat(parts).toString('latin1')
}
