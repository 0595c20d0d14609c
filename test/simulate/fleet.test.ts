import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleet } from '../../src/simulate/fleet.ts'
import type { FleetInput } from '../../src/simulate/fleet-plan.ts'

test('fleet: a single process never reads a value that it replaced, with any settings', () => {
  for (const failover of ['rehash', 'miss', 'gutter'] as const) {
    assert.equal(fleet({ processes: 1, failover }).staleReads, 0)
  }
})

test('fleet: without an outage no process serves stale values', () => {
  const { staleReads, splitMs } = fleet({ cutShare: 0 })
  assert.equal(staleReads, 0)
  assert.equal(splitMs, 0)
})

test('fleet: stale reads end when the last process has the host back and its journal replayed', () => {
  const bound = 2_000 * 1.1
  const told = fleet({ retryTimeoutMs: 2_000, precautionsMs: 0 })
  assert.ok(told.staleReads > 0)
  assert.ok(told.staleUntilMs <= bound, `${told.staleUntilMs} ms`)
  const untold = fleet({ retryTimeoutMs: 2_000, precautionsMs: 0, journal: false })
  assert.ok(untold.staleUntilMs > bound, `${untold.staleUntilMs} ms`)
  assert.ok(untold.staleReads > told.staleReads * 5)
})

test('fleet: a shorter retryTimeoutMs shortens the time in which processes differ', () => {
  const long = fleet({ retryTimeoutMs: 5_000, precautionsMs: 0 })
  const short = fleet({ retryTimeoutMs: 500, precautionsMs: 0 })
  assert.ok(short.splitMs < long.splitMs / 5)
  assert.ok(short.staleReads < long.staleReads / 2)
})

test('fleet: copies on fallback hosts are stale in the next outage, unless they are deleted', () => {
  const told = fleet({ outages: 2 })
  const untold = fleet({ outages: 2, journal: false })
  assert.ok(untold.staleReads > told.staleReads * 5)
})

test('fleet: copies on the gutter host expire by themselves, after its short ttl', () => {
  const alone: FleetInput = { outages: 2, journal: false, onReturn: 'flush', precautionsMs: 0 }
  const rehash = fleet(alone)
  const gutter = fleet({ ...alone, failover: 'gutter' })
  assert.ok(gutter.staleReads < rehash.staleReads / 3, `${gutter.staleReads}, ${rehash.staleReads}`)
})

test('fleet: failover as a miss prevents stale reads and causes more misses', () => {
  const miss = fleet({ outages: 2, failover: 'miss' })
  const rehash = fleet({ outages: 2, failover: 'rehash', precautionsMs: 0 })
  assert.ok(miss.misses > rehash.misses * 5)
  assert.ok(miss.staleReads < rehash.staleReads / 5)
})

test('fleet: checks for notices after a return leave only the stale reads of its first moments', () => {
  const without = fleet({ precautionsMs: 0 })
  const checked = fleet({})
  assert.ok(checked.staleReads < without.staleReads / 20)
  assert.ok(checked.longestStaleMs < 1_000)
})

test('fleet: two hosts out at once still cause stale reads, and one host stays', () => {
  const two = fleet({ hostsOut: 2 })
  assert.ok(two.staleReads > 5 * fleet({}).staleReads)
  assert.ok(fleet({ hostsOut: 2, failover: 'miss' }).staleReads < two.staleReads / 5)
  assert.throws(() => fleet({ hosts: 2, hostsOut: 2 }), { code: 'MINTRING_BAD_ARGUMENT' })
})

test('fleet: precautionsMs reduces stale reads when some processes still reach the host', () => {
  const some: FleetInput = { processes: 100, keys: 200, readsPerSecond: 2_000, cutShare: 0.9 }
  const without = fleet({ ...some, precautionsMs: 0 })
  const usual = fleet(some)
  assert.ok(usual.staleReads < without.staleReads, `${usual.staleReads}, ${without.staleReads}`)
})

test('fleet: the same seed returns the same counts, another seed others', () => {
  assert.deepEqual(fleet({ seed: 5 }), fleet({ seed: 5 }))
  assert.notDeepEqual(fleet({ seed: 5 }), fleet({ seed: 6 }))
})

test('fleet throws for numbers out of range', () => {
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
