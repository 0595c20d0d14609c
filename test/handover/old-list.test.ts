import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemcachedClient } from '../../src/client/client.ts'
import { type Fleet, TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

const NAMES = Array.from({ length: 100 }, (_, i) => `key:${i}`)
const REFUSED = { code: 'MINTRING_HOST_EJECTED' }

async function setAll(client: MemcachedClient, value: string): Promise<void> {
  for (const key of NAMES) await client.set(key, value, TTL)
}

/** The keys that have another host for one client than for the other. */
function movedBetween(one: MemcachedClient, other: MemcachedClient): string[] {
  return NAMES.filter((key) => one.locate(key).server !== other.locate(key).server)
}

/** Tries every kind of command on keys that have moved, and on the others. */
async function assertRefused(old: MemcachedClient, moved: readonly string[]): Promise<void> {
  const batch = await old.getMany(NAMES)
  assert.deepEqual(
    moved.filter((key) => batch.has(key)),
    [],
  )
  for (const key of moved) {
    assert.equal(await old.get(key), undefined)
    await assert.rejects(old.gets(key), REFUSED)
    assert.equal(await old.getOrSet(key, () => 'loaded', { ttl: 60 }), 'loaded')
    assert.equal(await old.get(key), undefined)
    await assert.rejects(old.set(key, 'x', TTL), REFUSED)
    await assert.rejects(old.delete(key), REFUSED)
    await assert.rejects(old.invalidate(key), REFUSED)
    await assert.rejects(old.incr(key), REFUSED)
  }
  const { failed } = await old.setMany(new Map(moved.map((key) => [key, 'x'])), TTL)
  assert.deepEqual([...failed.keys()].sort(), [...moved].sort())
  for (const key of NAMES.filter((name) => !moved.includes(name))) {
    await old.set(key, 'of the old list', TTL)
    assert.equal(await old.get(key), 'of the old list')
  }
}

/** Changes three servers to four, up to a phase. */
async function changed(fleet: Fleet, phase: 'announce' | 'move' | 'end'): Promise<MemcachedClient> {
  const informed = fleet.join(3)
  await setAll(informed, 'before')
  informed.setServers(fleet.places(4), CHANGE)
  await reach(fleet, phase, informed)
  return informed
}

describe('a process that starts with the old list', () => {
  test('sees and makes the same changes as the others while they announce the new list', async (t) => {
    const fleet = await startFleet(t)
    const informed = await changed(fleet, 'announce')
    const old = fleet.join(3)
    for (const key of NAMES) assert.equal(await old.get(key), 'before')
    await setAll(old, 'of the old list')
    for (const key of NAMES) assert.equal(await informed.get(key), 'of the old list')
    await setAll(informed, 'of the new list')
    for (const key of NAMES) assert.equal(await old.get(key), 'of the new list')
  })

  for (const phase of ['move', 'end'] as const) {
    test(`misses keys that moved and rejects changes of them, phase ${phase}`, async (t) => {
      const fleet = await startFleet(t)
      const informed = await changed(fleet, phase)
      const warnings: string[] = []
      const old = fleet.join(3)
      old.on('warning', ({ message }) => warnings.push(message))
      const moved = movedBetween(old, informed)
      assert.ok(moved.length > 10)
      await setAll(informed, 'current')
      await assertRefused(old, moved)
      assert.match(warnings.join(), /moved from 127.* to 127.*Give it the new list/)
      for (const key of moved) assert.equal(await informed.get(key), 'current')
      old.setServers(fleet.places(4))
      for (const key of moved) assert.equal(await old.get(key), 'current')
    })
  }

  test('does so from its first command on, whatever that is', async (t) => {
    const fleet = await startFleet(t)
    const informed = await changed(fleet, 'move')
    const moved = movedBetween(fleet.join(3), informed)
    const batch = await fleet.join(3).getMany(NAMES)
    assert.equal(batch.size, NAMES.length - moved.length)
    const reader = fleet.join(3)
    const found = await Promise.all(NAMES.map((key) => reader.get(key)))
    assert.equal(found.filter((value) => value === undefined).length, moved.length)
    const writer = fleet.join(3)
    const done = await Promise.allSettled(NAMES.map((key) => writer.set(key, 'x', TTL)))
    assert.equal(done.filter(({ status }) => status === 'rejected').length, moved.length)
  })

  test('does so although its `previous` names the change before', async (t) => {
    const fleet = await startFleet(t)
    const informed = fleet.join(2)
    await setAll(informed, 'before')
    for (const count of [3, 4]) {
      informed.setServers(fleet.places(count), CHANGE)
      await reach(fleet, 'end', informed)
      fleet.forget(informed)
    }
    await setAll(informed, 'current')
    const old = fleet.join(3, { previous: { servers: fleet.places(2) }, ...CHANGE })
    // Until it has read the mark, it does not know of the second change.
    const [first = ''] = movedBetween(old, informed)
    const isSet = (): Promise<boolean> => old.set(first, 'x', TTL).catch(() => false)
    while (await isSet()) await sleep(20)
    await assertRefused(old, movedBetween(old, informed))
  })

  test('does so for all keys that moved by two changes', async (t) => {
    const fleet = await startFleet(t)
    const informed = await changed(fleet, 'end')
    const reweighted = [`${fleet.places(1)[0]}:3`, ...fleet.places(4).slice(1)]
    fleet.forget(informed)
    informed.setServers(reweighted, CHANGE)
    await reach(fleet, 'end', informed)
    await setAll(informed, 'current')
    const old = fleet.join(3)
    const moved = movedBetween(old, informed)
    const isRefused = async (key: string): Promise<boolean> => {
      return old.set(key, 'current', TTL).then(
        () => false,
        () => true,
      )
    }
    // The second change is found by the mark of the first one, a moment later.
    for (const key of moved) while (!(await isRefused(key))) await sleep(20)
    assert.ok(moved.length > 10)
  })

  test('takes part in the change by which the others come back to that list', async (t) => {
    const fleet = await startFleet(t)
    const informed = await changed(fleet, 'end')
    const old = fleet.join(3)
    const moved = movedBetween(old, informed)
    await assert.rejects(old.set(moved[0]!, 'x', TTL), REFUSED)
    fleet.forget(informed)
    await setAll(informed, 'current')
    informed.setServers(fleet.places(3), CHANGE)
    await reach(fleet, 'announce', informed)
    while (old.handover === undefined) await sleep(20)
    const started = fleet.join(3)
    // A process that cannot reach the fourth server misses its keys until values have moved.
    await reach(fleet, 'move', informed, old)
    for (const key of moved) assert.equal(await informed.get(key), 'current')
    for (const key of moved) assert.equal(await old.get(key), 'current')
    for (const key of moved) assert.equal(await started.get(key), 'current')
  })

  test('uses all keys when the others come back to that list without a handover', async (t) => {
    const fleet = await startFleet(t)
    const informed = await changed(fleet, 'end')
    informed.setServers(fleet.places(3), { handover: 0 })
    const old = fleet.join(3)
    await setAll(informed, 'again')
    for (const key of NAMES) assert.equal(await informed.get(key), 'again')
    await setAll(old, 'of the old list')
  })

  test('uses all keys with handover 0', async (t) => {
    const fleet = await startFleet(t)
    await changed(fleet, 'move')
    await setAll(fleet.join(3, { handover: 0 }), 'of the old list')
  })

  test('connects to no address of a forged mark', async (t) => {
    const fleet = await startFleet(t)
    const server = createServer()
    let connections = 0
    server.on('connection', (socket) => {
      connections++
      socket.destroy()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const thief = fleet.join(3)
    thief.setServers([`127.0.0.1:${(server.address() as AddressInfo).port}`], CHANGE)
    await reach(fleet, 'announce', thief)
    await thief.close()
    const byThief = connections
    const old = fleet.join(3)
    for (const key of NAMES) await old.get(key)
    assert.equal(connections, byThief)
  })
})
