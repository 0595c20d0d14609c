import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 20, lease: 4, jitter: 0 } as const

for (const dialect of ['meta', 'classic'] as const) {
  test(`12,000 keys that a dead process was loading are all loaded by another, ${dialect} commands`, async () => {
    const w = world(dialect)
    const [dead, alive] = [w.start(), w.start()]
    const keys = Array.from({ length: 12_000 }, (_, i) => `k${i}`)
    for (const key of keys) void dead.refill.getOrSet(key, () => w.later(60_000, 0), POLICY)
    await w.pass(200)
    dead.kill()
    await w.pass(5_000)
    const load = (wanted: readonly string[]) => new Map(wanted.map((key) => [key, 1]))
    const values = await w.when(alive.refill.getOrSetMany(keys, load, POLICY))
    assert.equal(values.size, keys.length)
    assert.equal(alive.refill.counters.refills.ok, keys.length)
  })
}

for (const dialect of ['meta', 'classic'] as const) {
  test(`2,500 missing keys are loaded by one call, and renewed a few hundred at a time, ${dialect} commands`, async () => {
    const w = world(dialect, 1, 30)
    const { refill, store } = w.start()
    const exchange = store.exchange.bind(store)
    let underWay = 0
    let most = 0
    store.exchange = async (place, key, commands) => {
      most = Math.max(most, ++underWay)
      return exchange(place, key, commands).finally(() => underWay--)
    }
    const keys = Array.from({ length: 2_500 }, (_, i) => `k${i}`)
    let calls = 0
    const load = (wanted: readonly string[]) => {
      calls++
      return w.later(10_000, new Map(wanted.map((key) => [key, 1])))
    }
    const values = await w.when(refill.getOrSetMany(keys, load, POLICY))
    assert.deepEqual([values.size, calls], [keys.length, 1])
    assert.equal(refill.counters.refills.ok, keys.length)
    assert.ok(refill.counters.renewals > keys.length)
    assert.ok(most <= 1_024, `${most} commands at once`)
  })
}
