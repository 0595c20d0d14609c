import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { getsItem } from '../../src/hosts/item-commands.ts'
import type { Request } from '../../src/net/request.ts'
import { memcachedAbilities, memcachedVersion } from '../support/memcached.ts'
import { Fleet, TTL } from './fleet.ts'
import { CHANGE, fill, KEYS, reach, startFleet } from './frozen-fleet.ts'

const KINDS: Record<string, (context: TestContext) => Promise<Fleet>> = {
  'embedded 1.5.22': (context) => startFleet(context, '1.5.22'),
  'embedded 1.4.39, which cannot list its keys': (context) => startFleet(context, '1.4.39'),
}
if (!memcachedAbilities().meta) {
  KINDS[`real ${memcachedVersion()}`] = (context) => Fleet.start(context)
}

/** A client of three servers that changed all values. The fourth server has the old ones. */
async function startWithOldHost(fleet: Fleet, behaviors = {}): Promise<MemcachedClient> {
  await fill(fleet.join(4, { ...behaviors, handover: 0 }))
  const client = fleet.join(3, { ...behaviors, handover: 0 })
  for (let i = 0; i < KEYS; i++) {
    await client.set(`plain:${i}`, `v${i} new`, TTL)
    await client.refresh(`page:${i}`, () => `p${i} new`, { ttl: 300 })
  }
  return client
}

for (const [what, start] of Object.entries(KINDS)) {
  describe(`a host that joins again, ${what}`, () => {
    test('gets refilled values, and returns no old ones', async (context) => {
      const fleet = await start(context)
      const client = await startWithOldHost(fleet)
      client.setServers(fleet.places(4), CHANGE)
      const load = (): string => 'loaded'
      const isUnread = (i: number): boolean => i % 2 === 1
      for (const phase of ['announce', 'move', 'end'] as const) {
        await reach(fleet, phase, client)
        // Read only half of the keys before the end: old items of the others must be cleared
        // without a read.
        for (let i = 0; i < KEYS; i += phase === 'end' ? 1 : 2) {
          const page = await client.getOrSet(`page:${i}`, load, { ttl: 300 })
          assert.ok(page === `p${i} new` || (isUnread(i) && page === 'loaded'), String(page))
          const plain = await client.get(`plain:${i}`)
          // Plain values do not move. After the announcement only the new host is asked, so they
          // may be missing.
          if (plain === undefined) assert.notEqual(phase, 'announce')
          else assert.equal(plain, `v${i} new`)
        }
      }
    })
  })
}

describe('a host that cannot list its keys, when it joins', () => {
  const FOREIGN = 'of another program'

  async function foreignAfterJoin(context: TestContext, behaviors: object): Promise<unknown> {
    const fleet = await startFleet(context, '1.4.39')
    const other = fleet.join(4, { handover: 0 })
    const client = await startWithOldHost(fleet, behaviors)
    const key = Array.from({ length: 100 }, (_, i) => `other:${i}`).find((name) => {
      return other.locate(name).server === fleet.places(4)[3]
    })!
    await other.set(key, FOREIGN, TTL)
    client.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'end', client)
    return await other.get(key)
  }

  test('keeps the keys of other programs when the client has a keyPrefix', async (context) => {
    assert.equal(await foreignAfterJoin(context, { keyPrefix: 'app:' }), FOREIGN)
  })

  test('is flushed despite a keyPrefix when onReturn is flush', async (context) => {
    const flushed = await foreignAfterJoin(context, { keyPrefix: 'app:', onReturn: 'flush' })
    assert.equal(flushed, undefined)
  })

  test('serves every command where flush_all is not allowed', async (context) => {
    const fleet = await startFleet(context, '1.4.39', { flush: false })
    const client = await startWithOldHost(fleet)
    client.setServers(fleet.places(4), CHANGE)
    for (const phase of ['announce', 'end'] as const) {
      await reach(fleet, phase, client)
      for (let i = 0; i < KEYS; i++) await client.set(`plain:${i}`, `v${i} ${phase}`, TTL)
      for (let i = 0; i < KEYS; i++) {
        assert.equal(await client.get(`plain:${i}`), `v${i} ${phase}`)
      }
    }
  })

  test('gets the mark of the handover again after its flush, so that newly started processes find it', async (context) => {
    const fleet = await startFleet(context, '1.4.39')
    const client = await startWithOldHost(fleet)
    const newcomer = fleet.join(4)
    client.setServers(fleet.places(4), CHANGE)
    await reach(fleet, 'move', client)
    const { cluster } = Reflect.get(newcomer, '_core') as ClientCore
    const mark = { routeKey: undefined, wireKey: cluster.handovers.markKey!, b: false }
    const request = getsItem(mark)
    cluster.dispatchTo(cluster.hosts[3]!, request as Request)
    assert.notEqual(await request.promise, undefined)
  })
})
