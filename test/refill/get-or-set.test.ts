import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 20, lease: 4, jitter: 0 } as const

for (const dialect of ['meta', 'classic'] as const) {
  for (const placeholder of ['inline', 'sidecar'] as const) {
    const policy = { ...POLICY, placeholder }
    describe(`getOrSet, ${dialect} commands, ${placeholder} placeholder`, () => {
      test('loads an absent key once for all processes', async () => {
        const w = world(dialect)
        const fleet = Array.from({ length: 20 }, () => w.start())
        let loads = 0
        const loader = () => w.later(200, ++loads)
        const entries = await w.when(
          Promise.all(fleet.map(({ refill }) => refill.getOrSetEntry('k', loader, policy))),
        )
        assert.equal(loads, 1)
        assert.deepEqual(entries.map(({ state }) => state).sort(), [
          ...Array(19).fill('fresh'),
          'miss',
        ])
      })

      test('returns the stale value at once while exactly one process refills', async () => {
        const w = world(dialect)
        const fleet = Array.from({ length: 20 }, () => w.start())
        let loads = 0
        const loader = () => w.later(200, ++loads)
        await w.when(fleet[0]!.refill.getOrSet('k', loader, policy))
        await w.pass(11_500)
        const startMs = w.time.nowMs
        const entries = await w.when(
          Promise.all(fleet.map(({ refill }) => refill.getOrSetEntry('k', loader, policy))),
        )
        assert.ok(w.time.nowMs - startMs <= 10, 'nobody waited for the loader')
        assert.ok(entries.every(({ state, value }) => state === 'stale' && value === 1))
        await w.pass(300)
        assert.equal(loads, 2)
        const after = await w.when(fleet[7]!.refill.getOrSetEntry('k', loader, policy))
        assert.deepEqual(after, { value: 2, state: 'fresh', ttl: after.ttl })
      })

      test('never marks as fresh a value that was loaded before an invalidation', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        let version = 1
        const loader = () => w.later(200, version)
        const early = a.refill.getOrSetEntry('k', loader, policy)
        await w.pass(50)
        version = 2
        await w.when(b.refill.invalidate('k', policy))
        const late = await w.when(b.refill.getOrSetEntry('k', loader, policy))
        assert.equal(late.value, 2)
        const entry = await w.when(early)
        assert.deepEqual(entry, { value: 1, state: 'uncached' })
      })

      test('loads again within the lease when the loading process dies, with no value stored', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        void a.refill.getOrSet('k', () => w.later(5000, 1), policy)
        await w.pass(100)
        a.kill()
        const startMs = w.time.nowMs
        assert.equal(await w.when(b.refill.getOrSet('k', () => 2, policy)), 2)
        assert.ok(w.time.nowMs - startMs <= 4_300, `took ${w.time.nowMs - startMs} ms`)
      })

      test('loads again within the lease when the loading process dies, with a stale value stored', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        await w.when(a.refill.getOrSet('k', () => 1, policy))
        await w.pass(11_500)
        await w.when(a.refill.getOrSet('k', () => w.later(5000, 2), policy))
        a.kill()
        const startMs = w.time.nowMs
        let value: unknown = 1
        while (value === 1 && w.time.nowMs - startMs < 10_000) {
          const entry = await w.when(b.refill.getOrSetEntry('k', () => 3, policy))
          assert.notEqual(entry.state, 'miss')
          value = entry.value
          await w.pass(50)
        }
        assert.equal(value, 3)
        assert.ok(w.time.nowMs - startMs <= 4_300, `took ${w.time.nowMs - startMs} ms`)
      })

      test('renews its lease while a slow loader runs', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        let loads = 0
        const loader = () => w.later(9_000, ++loads)
        const slow = { ...policy, waitTimeoutMs: 20_000 }
        const [one, two] = await w.when(
          Promise.all([
            a.refill.getOrSetEntry('k', loader, slow),
            b.refill.getOrSetEntry('k', loader, slow),
          ]),
        )
        assert.deepEqual([loads, one.value, two.value], [1, 1, 1])
        assert.deepEqual([one.state, two.state].sort(), ['fresh', 'miss'])
        await w.pass(11_500)
        for (let i = 0; i < 100; i++) {
          await w.when(b.refill.getOrSet('k', loader, slow))
          await w.pass(50)
        }
        await w.pass(5_000)
        assert.equal(loads, 2)
        assert.equal((await w.when(b.refill.getOrSetEntry('k', loader, slow))).state, 'fresh')
      })

      test('does not overwrite a value that was set during the load', async () => {
        const w = world(dialect)
        const { refill } = w.start()
        const loading = refill.getOrSetEntry('k', () => w.later(200, 'old'), policy)
        await w.pass(50)
        w.server.set('k', { body: '"new"', flags: 1 }, 100)
        assert.deepEqual(await w.when(loading), { value: 'old', state: 'uncached' })
        assert.equal(await w.when(refill.getOrSet('k', () => 'other', policy)), 'new')
        assert.equal(refill.counters.refills.lost, 1)
      })

      test('does not store a value whose load began before the server restarted', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        const first = a.refill.getOrSetEntry('k', () => w.later(300, 'first life'), policy)
        await w.pass(50)
        w.server.restart()
        // The first lease after the restart has the same CAS id as the one before it.
        const second = b.refill.getOrSetEntry('k', () => w.later(500, 'second life'), policy)
        assert.deepEqual(await w.when(first), { value: 'first life', state: 'uncached' })
        assert.deepEqual(await w.when(second), { value: 'second life', state: 'miss', ttl: 10 })
      })

      test('keeps nothing in memory after a long time without calls', async () => {
        const w = world(dialect)
        const [a, b] = [w.start(), w.start()]
        for (let i = 0; i < 500; i++) {
          void a.refill.getOrSet(`k${i}`, () => w.later(20, i), policy)
          void b.refill.getOrSet(`k${i}`, () => w.later(20, i), policy)
        }
        await w.pass(15_000)
        for (let i = 0; i < 500; i++) void b.refill.getOrSet(`k${i}`, () => i, policy)
        await w.pass(100)
        assert.ok(a.refill.size > 0)
        await w.pass(2 * 3_600_000)
        assert.equal(a.refill.size, 0)
        assert.equal(b.refill.size, 0)
      })
    })
  }
}
