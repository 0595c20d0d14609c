import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { MintringError } from '../../src/errors.ts'
import type { Fleet } from './fleet.ts'
import { TTL } from './fleet.ts'
import { frozenClock } from './frozen-clock.ts'
import { CHANGE, fill, KEYS, reach, startFleet } from './frozen-fleet.ts'
import { CHANGES } from './key-changes.ts'

/** Later than the announcement began, and early enough for it to be withdrawn. */
const EARLY_MS = 500
/** So late that values may move soon. */
const LATE_MS = 1_500

interface Roll {
  readonly fleet: Fleet
  /** Processes that had four servers and announce that they change to three. */
  readonly one: MemcachedClient
  readonly other: MemcachedClient
  /** A key that three servers place elsewhere. */
  readonly key: string
}

const hostsOf = (client: MemcachedClient): number => client.hosts().length

const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await sleep(5)
}

/** Has a server close all connections instead of replying. */
async function silence({ fleet }: Roll, t: TestContext): Promise<void> {
  const { port, stop } = fleet.servers[3]!
  await stop()
  const closing = createServer((socket) => socket.destroy()).listen(port)
  t.after(() => closing.close())
  await once(closing, 'listening')
}

/** Two processes announce a change from four servers to three. */
async function announced(t: TestContext, behaviors: BehaviorsInput = {}): Promise<Roll> {
  const fleet = await startFleet(t)
  const join = (): MemcachedClient => fleet.join(4, { ...CHANGE, ...behaviors })
  const [one, other] = [join(), join()]
  await fill(one)
  await other.get('any')
  const last = fleet.places(4)[3]
  const key = Array.from({ length: KEYS }, (_, i) => `plain:${i}`).find(
    (name) => one.locate(name).server === last,
  )!
  for (const client of [one, other]) {
    client.setServers(fleet.places(3))
    await reach(fleet, 'announce', client)
  }
  return { fleet, one, other, key }
}

async function rolledBack(t: TestContext): Promise<Roll> {
  const roll = await announced(t)
  frozenClock.advance(EARLY_MS)
  roll.one.setServers(roll.fleet.places(4))
  await until(() => roll.one.handover === undefined)
  return roll
}

describe('a roll-back during the announcement', () => {
  test('ends the handover at once, in all processes', async (t) => {
    const { fleet, one, other, key } = await rolledBack(t)
    assert.deepEqual(
      one.hosts().map(({ name }) => name),
      fleet.places(4),
    )
    await until(() => other.handover === undefined)
    assert.equal(hostsOf(other), 4)
    await other.set(key, 'changed', TTL)
    assert.equal(await one.get(key), 'changed')
  })

  test('keeps the values of all keys', async (t) => {
    const { one } = await rolledBack(t)
    for (let i = 0; i < KEYS; i++) {
      assert.equal(await one.get(`plain:${i}`), `v${i}`)
      assert.equal(await one.getOrSet(`page:${i}`, () => 'loaded', { ttl: 300 }), `p${i}`)
    }
  })

  test('is not needed by a process that then gets the previous list too', async (t) => {
    const { fleet, other } = await rolledBack(t)
    other.setServers(fleet.places(4))
    await until(() => hostsOf(other) === 4)
    frozenClock.advance(60_000)
    await sleep(50)
    assert.equal(hostsOf(other), 4)
  })

  test('lasts in another process until it would have moved values, if it gets no other list', async (t) => {
    const { fleet, one, other, key } = await announced(t)
    one.setServers(fleet.places(4))
    await until(() => other.handover === undefined)
    assert.equal(hostsOf(other), 4)
    await until(() => other.handover?.phase === 'announce')
    assert.equal(hostsOf(other), 3)
    await one.set(key, 'changed', TTL)
    assert.equal(await other.get(key), 'changed')
  })

  test('is not undone by a process that starts with the new list', async (t) => {
    const { fleet, one, key } = await rolledBack(t)
    const late = fleet.join(3)
    await assert.rejects(late.set(key, 'late', TTL), { code: 'MINTRING_HOST_EJECTED' })
    assert.equal(await late.get(key), undefined)
    assert.equal(await one.get(key), (await fleet.join(4).get(key)) as string)
  })

  test('guards a process that found the announcement with only the new list', async (t) => {
    const { fleet, one, key } = await announced(t)
    const found = fleet.join(3)
    await found.get('any')
    await until(() => found.handover?.phase === 'announce')
    one.setServers(fleet.places(4))
    await until(() => found.handover === undefined)
    await assert.rejects(found.set(key, 'found', TTL), { code: 'MINTRING_HOST_EJECTED' })
    found.setServers(fleet.places(4), { handover: 0 })
    await found.set(key, 'changed', TTL)
    assert.equal(await one.get(key), 'changed')
  })

  test('leaves a process that starts with the previous list free', async (t) => {
    const { fleet, one, key } = await rolledBack(t)
    frozenClock.advance(60_000)
    const started = fleet.join(4)
    await started.set(key, 'started', TTL)
    assert.equal(await one.get(key), 'started')
    assert.equal(started.handover, undefined)
  })

  test('can be followed by the same change, and nothing from before it is read', async (t) => {
    const { fleet, one, other, key } = await rolledBack(t)
    other.setServers(fleet.places(4))
    await until(() => other.handover === undefined)
    await other.set(key, 'changed', TTL)
    for (const client of [one, other]) {
      fleet.forget(client)
      client.setServers(fleet.places(3))
    }
    await reach(fleet, 'move', one, other)
    for (const client of [one, other]) assert.equal(await client.get(key), 'changed')
  })

  test('lets a change to a third list begin from the previous one', async (t) => {
    const { fleet, one, other, key } = await announced(t)
    // It has not heard of the change from which the others go back.
    const unheard = fleet.join(4, CHANGE)
    await unheard.get('any')
    const third = fleet.places(4).filter((_, place) => place !== 2)
    const all = [one, other, unheard]
    for (const client of all) {
      fleet.forget(client)
      client.setServers(third)
    }
    const isAnnounced = (client: MemcachedClient): boolean =>
      client.handover?.toServers.join() === third.join()
    await until(() => all.every(isAnnounced))
    for (const client of all) assert.deepEqual(client.handover?.fromServers, fleet.places(4))
    await unheard.set(key, 'changed', TTL)
    for (const client of all) assert.equal(await client.get(key), 'changed')
    await reach(fleet, 'move', ...all)
    for (const client of all) assert.equal(await client.get(key), 'changed')
  })

  test('waits for the end when values may move soon', async (t) => {
    const { fleet, one, other } = await announced(t)
    frozenClock.advance(LATE_MS)
    one.setServers(fleet.places(4))
    await reach(fleet, 'move', one, other)
    assert.deepEqual([hostsOf(one), hostsOf(other)], [3, 3])
    await reach(fleet, 'end', one, other)
    await until(() => hostsOf(one) === 4)
  })

  test('is noticed by a process that stood still until values may move', async (t) => {
    const { fleet, one, other, key } = await announced(t)
    one.setServers(fleet.places(4))
    await until(() => one.handover === undefined)
    await one.set(key, 'changed', TTL)
    // The other process has most probably not looked yet.
    frozenClock.advance(14_000)
    assert.equal(await other.get(key), 'changed')
  })

  test('is found by a process that reaches no host at the time when values would move', async (t) => {
    const { fleet, one, other, key } = await announced(t)
    const { cluster } = Reflect.get(other, '_core') as ClientCore
    const { dispatchTo } = cluster
    let refused = 0
    cluster.dispatchTo = (host, request) => {
      refused++
      request.reject(new MintringError('MINTRING_CONNECTION', `${host.name} is not reached`))
    }
    one.setServers(fleet.places(4))
    await until(() => one.handover === undefined)
    await one.set(key, 'changed', TTL)
    frozenClock.advance(5_000)
    const before = refused
    const hasAskedAll = (): boolean => refused > before + 3 * fleet.servers.length
    await until(() => hasAskedAll() || other.handover?.phase === 'move')
    // Without this list, it would begin the change again.
    other.setServers(fleet.places(4))
    cluster.dispatchTo = dispatchTo
    await until(() => other.handover?.phase !== 'announce')
    assert.equal(other.handover, undefined)
    assert.equal(await other.get(key), 'changed')
  })

  test('is possible while a previous host refuses connections: its items are lost', async (t) => {
    const { fleet, one, other, key } = await announced(t)
    await fleet.servers[3]!.stop()
    for (const client of [one, other]) await client.set(key, 'changed', TTL)
    one.setServers(fleet.places(4))
    await until(() => one.handover === undefined && other.handover === undefined)
  })

  test('is possible while a previous host does not reply, and another one replaces it', async (t) => {
    const roll = await announced(t)
    const { fleet, one, other, key } = roll
    await silence(roll, t)
    await one.set(key, 'changed', TTL)
    one.setServers(fleet.places(4))
    await until(() => one.handover === undefined && other.handover === undefined)
    assert.equal(await other.get(key), 'changed')
    await other.set(key, 'again', TTL)
    assert.equal(await one.get(key), 'again')
  })

  test('waits for the end when another process takes part and a previous host does not reply', async (t) => {
    const roll = await announced(t, { failover: 'error' })
    const { fleet, one, other, key } = roll
    await silence(roll, t)
    await one.set(key, 'changed', TTL)
    one.setServers(fleet.places(4))
    // A look that begins later than this one has ended too.
    await sleep(300)
    assert.equal(one.handover?.phase, 'announce')
    await reach(fleet, 'end', one, other)
    await until(() => hostsOf(one) === 4)
    assert.equal(hostsOf(other), 3)
  })

  test('is dropped when the new list is wanted again', async (t) => {
    const { fleet, one, other } = await announced(t)
    frozenClock.advance(LATE_MS)
    one.setServers(fleet.places(4))
    one.setServers(fleet.places(3))
    await reach(fleet, 'end', one, other)
    assert.equal(hostsOf(one), 3)
  })

  test('begins no other change in a client that closes meanwhile', async (t) => {
    const { fleet, one } = await announced(t)
    const { cluster } = Reflect.get(one, '_core') as ClientCore
    const handover = cluster.handover!
    let finish = (_: string): void => {}
    const loaded = new Promise<string>((done) => {
      finish = done
    })
    const loading = one.getOrSet('slow', () => loaded, { ttl: 300 })
    one.setServers(fleet.places(2))
    const closing = one.close({ drainMs: 60_000 })
    await until(() => handover.isReversed)
    assert.ok(cluster.handover === undefined || cluster.handover === handover)
    finish('loaded')
    await loading
    await closing
  })

  for (const [verb, change] of Object.entries(CHANGES)) {
    test(`keeps a change that is made meanwhile: ${verb}`, async (t) => {
      const { fleet, one, other, key } = await announced(t)
      const policy = { ttl: 300, staleWhileRevalidate: 60 }
      await one.getOrSet(key, () => 1, policy)
      one.setServers(fleet.places(4))
      const isOver = (): boolean => one.handover === undefined && other.handover === undefined
      do {
        for (const client of [one, other]) {
          await client.set(key, 1, TTL)
          await change(client, key)
          for (const reader of [one, other]) {
            const { state, value } = await reader.getOrSetEntry(key, () => 2, policy)
            assert.ok(value === 2 || state === 'stale', `${value} is ${state}`)
          }
        }
      } while (!isOver())
    })
  }
})
