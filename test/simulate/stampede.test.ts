import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { Protection, StampedeInput } from '../../src/simulate/stampede.ts'
import { stampede } from '../../src/simulate/stampede.ts'

const BUSY: StampedeInput = {
  processes: 12,
  keys: 3,
  readsPerSecond: 300,
  writesPerSecond: 3,
  writeKinds: ['invalidate', 'refresh', 'set', 'delete'],
  crashShare: 0.05,
  failShare: 0.05,
  slowShare: 0.03,
  loaderMs: 60,
  latencyMs: 4,
  policy: {
    ttl: 2,
    staleWhileRevalidate: 6,
    lease: 2,
    errorBackoff: 2,
    loaderTimeoutMs: 20_000,
    waitTimeoutMs: 60_000,
  },
}

describe('a simulated fleet', () => {
  for (const dialect of ['meta', 'classic'] as const) {
    for (const restartsPerSecond of [0, 0.1]) {
      const circumstance = restartsPerSecond === 0 ? '' : ', while the server restarts'
      test(`violates no guarantee with ${dialect} commands${circumstance}`, async () => {
        for (let seed = 1; seed <= 4; seed++) {
          const report = await stampede({ ...BUSY, dialect, restartsPerSecond, seed })
          assert.deepEqual(report.violations, [], `seed ${seed}`)
          assert.equal(report.pending, 0, `seed ${seed}`)
          assert.ok(report.reads > 15_000 && report.crashes > 0, `seed ${seed}`)
          assert.ok(report.loads < 400, `seed ${seed}: ${report.loads} loads`)
          // The limit is the lease plus the longest time between two reads of one process.
          const isPrompt = restartsPerSecond > 0 || report.recoveryMs < 3_000
          assert.ok(isPrompt, `seed ${seed}: recovered after ${report.recoveryMs} ms`)
          const stolen = restartsPerSecond > 0 ? 20 : 4
          assert.ok(report.overlaps <= stolen, `seed ${seed}: ${report.overlaps} overlaps`)
        }
      })
    }
  }

  test('violates no guarantee when nginx reads the same keys', async () => {
    const policy = { ...BUSY.policy!, placeholder: 'sidecar' as const }
    for (let seed = 1; seed <= 4; seed++) {
      const writeKinds = ['invalidate', 'refresh', 'set'] as const
      const report = await stampede({ ...BUSY, policy, writeKinds, seed })
      assert.deepEqual(report.violations, [], `seed ${seed}`)
      assert.equal(report.pending, 0, `seed ${seed}`)
    }
  })

  test('returns the same result for the same seed, and another for another seed', async () => {
    const [one, same, other] = await Promise.all([
      stampede({ ...BUSY, seconds: 10, seed: 7 }),
      stampede({ ...BUSY, seconds: 10, seed: 7 }),
      stampede({ ...BUSY, seconds: 10, seed: 8 }),
    ])
    assert.deepEqual(one, same)
    assert.notDeepEqual(one.states, other.states)
  })

  test('loads less from the origin with each stage of protection', async () => {
    const input = { processes: 50, readsPerSecond: 2_000, seconds: 31, policy: { ttl: 10 } }
    const loads = async (protection: Protection): Promise<number> =>
      (await stampede({ ...input, protection })).loads
    const none = await loads('none')
    const inProcess = await loads('in-process')
    const shared = await loads('lock-and-wait')
    const stale = await loads('stale-while-refill')
    assert.ok(none > 4 * inProcess, `${none} and ${inProcess}`)
    assert.ok(inProcess > 20 * shared, `${inProcess} and ${shared}`)
    assert.ok(shared <= 5 && stale <= 5, `${shared} and ${stale}`)
  })

  test('needs no more loads with two thousand processes', async () => {
    const policy = { ttl: 5, staleWhileRevalidate: 60, lease: 4, jitter: 0 }
    const report = await stampede({ processes: 2_000, readsPerSecond: 4_000, seconds: 12, policy })
    assert.equal(report.peakLoads, 1)
    assert.ok(report.loads <= 3, `${report.loads} loads`)
    assert.deepEqual(report.violations, [])
  })

  test('throws for numbers out of range', async () => {
    await assert.rejects(
      stampede({ processes: 0 }),
      (error) => isMintringError(error) && error.code === 'MINTRING_BAD_ARGUMENT',
    )
    await assert.rejects(
      stampede({ policy: { ttl: 1.5 } }),
      (error) => isMintringError(error) && error.code === 'MINTRING_BAD_POLICY',
    )
  })
})
