import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleet } from '../../src/simulate/fleet.ts'
import type { FleetInput } from '../../src/simulate/fleet-plan.ts'

test('a process alone never reads what it replaced, whatever the settings', () => {
  for (const failover of ['rehash', 'miss', 'gutter'] as const) {
    assert.equal(fleet({ processes: 1, failover }).staleReads, 0)
  }
})

test('without an outage of its own no process serves stale values', () => {
  const { staleReads, splitMs } = fleet({ cutShare: 0 })
  assert.equal(staleReads, 0)
  assert.equal(splitMs, 0)
})

test('the journal ends stale reads when the last process has the host back', () => {
  const bound = 2_000 * 1.1
  const told = fleet({ retryTimeoutMs: 2_000 })
  assert.ok(told.staleReads > 0)
  assert.ok(told.staleUntilMs <= bound, `${told.staleUntilMs} ms`)
  const untold = fleet({ retryTimeoutMs: 2_000, journal: false })
  assert.ok(untold.staleUntilMs > bound, `${untold.staleUntilMs} ms`)
  assert.ok(untold.staleReads > told.staleReads * 5)
})

test('a shorter retryTimeoutMs is a shorter split', () => {
  const long = fleet({ retryTimeoutMs: 5_000 })
  const short = fleet({ retryTimeoutMs: 500 })
  assert.ok(short.splitMs < long.splitMs / 5)
  assert.ok(short.staleReads < long.staleReads / 2)
})

test('what stand-ins keep from the last outage is stale in the next, unless they are told', () => {
  const told = fleet({ outages: 2 })
  const untold = fleet({ outages: 2, journal: false })
  assert.ok(untold.staleReads > told.staleReads * 5)
})

test('a gutter forgets by itself, after its short time to live', () => {
  const alone: FleetInput = { outages: 2, journal: false, onReturn: 'flush', precautionsMs: 0 }
  const rehash = fleet(alone)
  const gutter = fleet({ ...alone, failover: 'gutter' })
  assert.ok(gutter.staleReads < rehash.staleReads / 3, `${gutter.staleReads}, ${rehash.staleReads}`)
})

test("failover: 'miss' pays for freshness with misses", () => {
  const miss = fleet({ outages: 2, failover: 'miss' })
  const rehash = fleet({ outages: 2, failover: 'rehash' })
  assert.ok(miss.misses > rehash.misses * 5)
  assert.ok(miss.staleReads < rehash.staleReads / 5)
})

test('precautions of writers that see home up take stale reads away', () => {
  const some: FleetInput = { processes: 100, keys: 200, readsPerSecond: 2_000, cutShare: 0.9 }
  const without = fleet({ ...some, precautionsMs: 0 })
  const usual = fleet(some)
  assert.ok(usual.staleReads < without.staleReads, `${usual.staleReads}, ${without.staleReads}`)
})

test('the same seed gives the same counts, another seed others', () => {
  assert.deepEqual(fleet({ seed: 5 }), fleet({ seed: 5 }))
  assert.notDeepEqual(fleet({ seed: 5 }), fleet({ seed: 6 }))
})

test('numbers that cannot be are refused', () => {
  for (const input of [
    { processes: 0 },
    { hosts: 1 },
    { keys: 1.5 },
    { cutShare: 2 },
    { ttlMs: -1 },
  ]) {
    assert.throws(
      () => fleet(input),
      (error: { code?: string }) => error.code === 'MINTRING_BAD_ARGUMENT',
    )
  }
})
