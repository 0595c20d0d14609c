import '../handover/frozen-clock.ts'
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import { CHANGE, reach, startFleet } from '../handover/frozen-fleet.ts'
import { until } from '../support/test-cluster.ts'

const KEYS = 40
/** The keys of the last two contain a hash. */
const TAGS = ['a', 'b', 'c', 'with space', 'x'.repeat(256)]

/** Pages of one client, which counts how they were found and how often they were loaded. */
function pagesOf(client: MemcachedClient, placeholder: 'inline' | 'sidecar') {
  const policy = { ttl: 300, staleWhileRevalidate: 60, jitter: 0, placeholder, tags: TAGS }
  const told = { value: 1, loads: 0 }
  const load = (): number => {
    told.loads++
    return told.value
  }
  const states = async (from = 0): Promise<string[]> => {
    const found = new Set<string>()
    for (let i = from; i < KEYS; i++) {
      const { state, value } = await client.getOrSetEntry(`page:${i}`, load, policy)
      found.add(`${state} ${value}`)
    }
    return [...found]
  }
  return { told, states }
}

for (const placeholder of ['inline', 'sidecar'] as const) {
  describe(`values with tags that move to another host; placeholder: ${placeholder}`, () => {
    test('keep their tags: they stay fresh, and nothing is loaded', async (context) => {
      const fleet = await startFleet(context)
      const client = fleet.join(4)
      const { told, states } = pagesOf(client, placeholder)
      assert.deepEqual(await states(), ['miss 1'])
      client.setServers(fleet.places(3), CHANGE)
      for (const phase of ['announce', 'move', 'end'] as const) {
        await reach(fleet, phase, client)
        assert.deepEqual(await states(), ['fresh 1'], phase)
      }
      assert.equal(told.loads, KEYS)
    })

    test('are loaded once when a tag is invalidated before they are read', async (context) => {
      const fleet = await startFleet(context)
      const client = fleet.join(4)
      const { told, states } = pagesOf(client, placeholder)
      await states()
      client.setServers(fleet.places(3), CHANGE)
      await reach(fleet, 'move', client)
      await states(KEYS / 2)
      told.value = 2
      await client.invalidateTags('b')
      assert.deepEqual(await states(), ['stale 1'])
      await until(() => client.refillCounters.refills.ok === 2 * KEYS)
      assert.deepEqual(await states(), ['fresh 2'])
      await reach(fleet, 'end', client)
      assert.deepEqual(await states(), ['fresh 2'])
      assert.equal(told.loads, 2 * KEYS)
    })
  })
}

describe('a host to which tags move again', () => {
  test('has no earlier versions of them: values whose invalidation it missed are not fresh', async (context) => {
    const fleet = await startFleet(context)
    const tags = Array.from({ length: KEYS }, (_, i) => `a ${i}`)
    const policyOf = (i: number) => ({ ttl: 300, tags: [tags[i]!] })
    const three = fleet.join(3, { handover: 0 })
    for (const i of tags.keys()) await three.getOrSet(`page:${i}`, () => 1, policyOf(i))
    const four = fleet.join(4, { handover: 0 })
    await four.invalidateTags(tags)
    four.setServers(fleet.places(3), CHANGE)
    await reach(fleet, 'end', four)
    for (const i of tags.keys()) {
      const { state, value } = await four.getOrSetEntry(`page:${i}`, () => 2, policyOf(i))
      assert.ok(state === 'stale' || value === 2, `${value} is ${state}`)
    }
  })
})
