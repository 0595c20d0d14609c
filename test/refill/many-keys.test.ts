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
