import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

/** What a verb returns for a key with the value '5', and the value of the key afterwards. */
interface Row {
  readonly run: (client: MemcachedClient, key: string) => Promise<unknown>
  readonly returns: unknown
  readonly leaves: unknown
  /** Whether the key may miss afterwards, because the value cannot move without its ttl. */
  readonly mayMiss?: boolean
}

const fives = { ttl: 300, staleWhileRevalidate: 60 }
const ROWS: Readonly<Record<string, Row>> = {
  get: { run: (client, key) => client.get(key), returns: '5', leaves: '5' },
  gets: { run: async (client, key) => (await client.gets(key))?.value, returns: '5', leaves: '5' },
  gat: { run: (client, key) => client.gat(key, 600), returns: '5', leaves: '5' },
  getMany: {
    run: async (client, key) => [...(await client.getMany([key, 'none'])).values()],
    returns: ['5'],
    leaves: '5',
  },
  set: { run: (client, key) => client.set(key, '6', TTL), returns: true, leaves: '6' },
  setMany: {
    run: async (client, key) => [...(await client.setMany({ [key]: '6' }, TTL)).values()],
    returns: [true],
    leaves: '6',
  },
  add: { run: (client, key) => client.add(key, '6', TTL), returns: false, leaves: '5' },
  replace: { run: (client, key) => client.replace(key, '6', TTL), returns: true, leaves: '6' },
  cas: {
    run: async (client, key) => client.cas(key, '6', (await client.gets(key))!.cas, TTL),
    returns: 'stored',
    leaves: '6',
  },
  append: { run: (client, key) => client.append(key, '6'), returns: true, leaves: '56' },
  prepend: { run: (client, key) => client.prepend(key, '6'), returns: true, leaves: '65' },
  incr: { run: (client, key) => client.incr(key, 2), returns: 7n, leaves: '7' },
  decr: { run: (client, key) => client.decr(key, 2), returns: 3n, leaves: '3' },
  touch: { run: (client, key) => client.touch(key, 600), returns: true, leaves: '5' },
  delete: { run: (client, key) => client.delete(key), returns: true, leaves: undefined },
  deleteMany: {
    run: async (client, key) => [...(await client.deleteMany([key])).values()],
    returns: [true],
    leaves: undefined,
  },
  refresh: {
    run: (client, key) => client.refresh(key, () => '6', fives),
    returns: '6',
    leaves: '6',
  },
  getOrSet: {
    run: (client, key) => client.getOrSet(key, () => '6', fives),
    returns: '5',
    leaves: '5',
  },
  getOrSetMany: {
    run: async (client, key) => {
      const load = (keys: readonly string[]) => new Map(keys.map((name) => [name, '6']))
      return [...(await client.getOrSetMany([key], load, fives)).values()]
    },
    returns: ['5'],
    leaves: '5',
  },
}

for (const version of ['1.6.40', '1.5.22'] as const) {
  describe(`a key that moves between servers of version ${version}`, () => {
    for (const phase of ['announce', 'move'] as const) {
      test(`has the same results for each verb as a key that stays, phase ${phase}`, async (t) => {
        const fleet = await startFleet(t, version)
        const before = fleet.join(3)
        const names = Array.from({ length: 200 }, (_, i) => `key:${i}`)
        for (const key of names) await before.set(key, '5', TTL)
        const client = fleet.join(3)
        client.setServers(fleet.places(4), CHANGE)
        await reach(fleet, phase, client)
        const isMoving = (key: string): boolean =>
          client.locate(key).server !== before.locate(key).server
        const moving = names.filter(isMoving)
        const staying = names.filter((key) => !isMoving(key))
        for (const [verb, { run, returns, leaves }] of Object.entries(ROWS)) {
          for (const key of [moving.pop()!, staying.pop()!]) {
            const what = `${verb} ${key}`
            assert.deepEqual(await run(client, key), returns, what)
            assert.equal(await client.get(key), leaves, what)
          }
        }
      })
    }
  })
}
