import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientCore } from '../../src/client/core.ts'
import { getsItem } from '../../src/hosts/item-commands.ts'
import type { Request } from '../../src/net/request.ts'
import { TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

const VALUES: Readonly<Record<string, unknown>> = {
  text: 'text',
  number: 7,
  object: { a: [1, 'b'] },
  bytes: Buffer.from([0, 255, 13, 10]),
}
const KEYS = Object.keys(VALUES).flatMap((kind) => {
  return Array.from({ length: 30 }, (_, i) => `${kind}:${i}`)
})
/** As npm memcached stores and places values. */
const FOREIGN: BehaviorsInput = {
  preset: 'memcached',
  keyPrefix: 'shop:',
  valueFlags: 'memcached',
}

const expected = (key: string): unknown => VALUES[key.split(':')[0]!]

/** The flags and bytes of an item on each host that has it. */
async function itemsOf(client: MemcachedClient, wireKey: string): Promise<string[]> {
  const { cluster } = Reflect.get(client, '_core') as ClientCore
  const found = await Promise.all(
    cluster.hosts.map(async (host) => {
      const request = getsItem({ routeKey: undefined, wireKey, b: false })
      cluster.dispatchTo(host, request as Request)
      const item = await request.promise
      return item && `${item.flags} ${item.body.toString('base64')}`
    }),
  )
  return found.filter((item) => item !== undefined)
}

test('values of npm memcached keep their flags and bytes when they move, and its ring, prefix and flags can be those of previous', async (context) => {
  const fleet = await startFleet(context)
  const old = fleet.join(4, { ...FOREIGN, handover: 0 })
  for (const key of KEYS) await old.set(key, expected(key), TTL)
  const before = new Map<string, string[]>()
  for (const key of KEYS) before.set(key, await itemsOf(old, `shop:${key}`))
  const next = fleet.join(4, {
    ...{ ...CHANGE, valueFlags: 'memcached' },
    previous: { servers: fleet.places(4), ...FOREIGN } as NonNullable<BehaviorsInput['previous']>,
  })
  await reach(fleet, 'announce', next)
  for (const key of KEYS) assert.deepEqual(await next.get(key), expected(key), key)
  await next.set('text:0', { by: 'the new client' }, TTL)
  assert.deepEqual(await old.get('text:0'), { by: 'the new client' })
  await old.set('text:0', 'text', TTL)
  for (const phase of ['move', 'end'] as const) {
    await reach(fleet, phase, next)
    for (const key of KEYS) assert.deepEqual(await next.get(key), expected(key), `${phase} ${key}`)
  }
  for (const key of KEYS) assert.deepEqual(await itemsOf(next, key), before.get(key), key)
})
