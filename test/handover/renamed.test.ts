import './frozen-clock.ts'
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { TTL } from './fleet.ts'
import { CHANGE, reach, startFleet } from './frozen-fleet.ts'

const COUNT = 60
const SPLIT = { maxItemBytes: 1024, largeValues: 'split' } as const
const LARGE = 'large'.repeat(600)
const LARGER = 'larger'.repeat(700)
const keys = Array.from({ length: COUNT }, (_, i) => `key:${i}`)

/**
 * Starts a client with the old key names, and one with the new names, which gets the old ones by
 * `previous`.
 */
async function renamed(t: TestContext, before: BehaviorsInput, now: BehaviorsInput) {
  const fleet = await startFleet(t)
  const old = fleet.join(4, { handover: 0, ...SPLIT, ...before })
  for (const key of keys) {
    await old.set(`large:${key}`, LARGE, TTL)
    await old.getOrSet(`tagged:${key}`, () => `t ${key}`, { ttl: 300, tags: [`tag:${key}`] })
    await old.set(`plain:${key}`, `v ${key}`, TTL)
    await old.set(`count:${key}`, '10', TTL)
    await old.getOrSet(`page:${key}`, () => `p ${key}`, { ttl: 300 })
  }
  const previous = { servers: fleet.places(4), ...before }
  const next = fleet.join(4, { ...SPLIT, ...now, previous, ...CHANGE })
  return { fleet, old, next }
}

async function assertAllThere(client: MemcachedClient, phase: string): Promise<void> {
  for (const key of keys) {
    assert.equal(await client.get(`plain:${key}`), `v ${key}`, `${phase}: get of ${key}`)
    assert.equal(await client.get(`large:${key}`), LARGE, `${phase}: get of large ${key}`)
    const tagged = { ttl: 300, tags: [`tag:${key}`] }
    const entry = await client.getOrSetEntry(`tagged:${key}`, () => 'loaded', tagged)
    assert.deepEqual([entry.value, entry.state], [`t ${key}`, 'fresh'], `${phase}: ${key}, tagged`)
    const load = () => assert.fail(`${phase}: a load of ${key}`)
    assert.equal(await client.getOrSet(`page:${key}`, load, { ttl: 300 }), `p ${key}`)
  }
  const many = await client.getMany(keys.map((key) => `plain:${key}`))
  assert.equal(many.size, COUNT, phase)
}

const CASES: Readonly<Record<string, readonly [before: BehaviorsInput, now: BehaviorsInput]>> = {
  'another keyPrefix': [{ keyPrefix: 'shop:' }, { keyPrefix: 'app:v2:' }],
  'a keyPrefix, and none now': [{ keyPrefix: 'shop:' }, {}],
  'a keyPrefix that the ring hashed': [
    { keyPrefix: 'shop:', hashWithPrefixKey: true },
    { keyPrefix: 'app:' },
  ],
  'no keyPrefix': [{ keyPrefix: '' }, { keyPrefix: 'app:' }],
  'a keyPrefix, to one that the ring hashes': [
    { keyPrefix: 'shop:', hashWithPrefixKey: false },
    { keyPrefix: 'app:', hashWithPrefixKey: true },
  ],
  'another keyPrefix and placement': [
    { keyPrefix: 'shop:', distribution: 'modula' },
    { keyPrefix: 'app:', distribution: 'ketama' },
  ],
}

for (const [what, [before, now]] of Object.entries(CASES)) {
  describe(`a handover after a change of key names, from ${what}`, () => {
    test('moves every value, and counters count on', async (t) => {
      const { fleet, next } = await renamed(t, before, now)
      for (const [step, phase] of (['announce', 'move', 'end'] as const).entries()) {
        await reach(fleet, phase, next)
        await assertAllThere(next, phase)
        for (const key of keys) {
          assert.equal(await next.incr(`count:${key}`, 1), 11n + BigInt(step), `${phase} ${key}`)
        }
      }
    })

    test('lets clients with old and new key names see changes of each other while it is announced', async (t) => {
      const { fleet, old, next } = await renamed(t, before, now)
      await reach(fleet, 'announce', next)
      for (const [i, key] of keys.entries()) {
        const [writer, reader] = i % 2 === 0 ? [old, next] : [next, old]
        await writer.set(`plain:${key}`, `new ${key}`, TTL)
        assert.equal(await reader.get(`plain:${key}`), `new ${key}`)
        await writer.invalidate(`page:${key}`)
        const { state } = await reader.getOrSetEntry(`page:${key}`, () => 'x', { ttl: 300 })
        assert.equal(state, 'stale')
        await writer.set(`large:${key}`, LARGER, TTL)
        assert.equal(await reader.get(`large:${key}`), LARGER)
        await writer.invalidateTags(`tag:${key}`)
        const tagged = { ttl: 300, tags: [`tag:${key}`] }
        const entry = await reader.getOrSetEntry(`tagged:${key}`, () => 'x', tagged)
        assert.equal(entry.state, 'stale', 'tagged')
      }
      await reach(fleet, 'move', next)
      for (const key of keys) assert.equal(await next.get(`plain:${key}`), `new ${key}`)
    })

    test('brings back nothing that was deleted while values move', async (t) => {
      const { fleet, next } = await renamed(t, before, now)
      await reach(fleet, 'move', next)
      for (const [i, key] of keys.entries()) {
        const plain = `plain:${key}`
        if (i % 3 === 0) assert.equal(await next.delete(plain), true)
        else if (i % 3 === 1) await next.set(plain, 'new', TTL)
        else await next.deleteMany([plain])
        assert.equal(await next.get(plain), i % 3 === 1 ? 'new' : undefined)
      }
      await reach(fleet, 'end', next)
      for (const [i, key] of keys.entries()) {
        assert.equal(await next.get(`plain:${key}`), i % 3 === 1 ? 'new' : undefined)
      }
    })
  })
}

test('a `previous` that equals the current placement starts no handover', async (t) => {
  const fleet = await startFleet(t)
  const client = fleet.join(4, { previous: { servers: fleet.places(4) }, ...CHANGE })
  await client.set('key', 'value', TTL)
  assert.equal(await client.get('key'), 'value')
  assert.equal(client.handover, undefined)
})
