import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleet } from '../../src/simulate/fleet.ts'
import { handover } from '../../src/simulate/handover.ts'
import { remap } from '../../src/simulate/remap.ts'
import { stampede } from '../../src/simulate/stampede.ts'

const refused = { code: 'MINTRING_BAD_ARGUMENT' }
const NUMBERS = [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, '5', null, {}]
const WORDS = ['', 'nothing', 7, null, [], ['nothing']]

const names = (text: string): string[] => text.split(' ')

test('stampede throws for every invalid argument, and names it', async () => {
  const numbers = names(
    'seed processes keys readsPerSecond writesPerSecond seconds loaderMs latencyMs ' +
      'crashShare failShare slowShare restartsPerSecond',
  )
  for (const [list, values] of [
    [numbers, NUMBERS],
    [names('writeKinds dialect protection'), WORDS],
  ] as const) {
    for (const name of list) {
      for (const value of values) {
        await assert.rejects(stampede({ [name]: value }), { ...refused, message: RegExp(name) })
      }
    }
  }
  for (const policy of [null, 5, 'x', {}, { ttl: -1 }, { ttl: 5, lease: 1 }]) {
    const input = { policy: policy as never }
    await assert.rejects(stampede(input), { code: 'MINTRING_BAD_POLICY' }, String(policy))
  }
})

test('stampede throws for arguments that contradict each other or have no effect', async () => {
  for (const input of [
    { crashShare: 0.5, failShare: 0.4, slowShare: 0.2 },
    { writeKinds: ['set' as const] },
    { protection: 'none' as const, crashShare: 0.1 },
    { protection: 'in-process' as const, writesPerSecond: 1 },
    { seconds: 1_000_000, readsPerSecond: 100_000 },
    { readsPerSecond: 100_000, loaderMs: 86_400_000 },
  ]) {
    await assert.rejects(stampede(input), refused, JSON.stringify(input))
  }
  for (const input of [null, 5, [], { readPerSecond: 1 }]) {
    await assert.rejects(stampede(input as never), refused)
  }
  await assert.rejects(stampede({ readPerSecond: 1 } as never), /Did you mean 'readsPerSecond'/)
})

test('fleet throws for every invalid argument, and names it', () => {
  const numbers = names(
    'processes hosts keys readsPerSecond writesPerSecond outageMs outages pauseMs cutShare ' +
      'detectMs retryTimeoutMs ttlMs gutterTtlMs seed',
  )
  for (const [list, values] of [
    [numbers, NUMBERS],
    [names('failover onReturn journal'), WORDS],
  ] as const) {
    for (const name of list) {
      for (const value of values) {
        assert.throws(() => fleet({ [name]: value }), { ...refused, message: RegExp(name) })
      }
    }
  }
  for (const input of [
    { processes: 1_000_000, outages: 1_000_000 },
    { readsPerSecond: 1_000_000, pauseMs: 86_400_000 },
    { gutterTtlMs: 5 },
    { hosts: 1 },
    { process: 5 },
  ]) {
    assert.throws(() => fleet(input as never), refused, JSON.stringify(input))
  }
})

test('simulations without any event return zeros', async () => {
  assert.equal(fleet({ readsPerSecond: 0, writesPerSecond: 0 }).reads, 0)
  for (const protection of ['none', 'in-process', 'lock-and-wait', 'stale-while-refill'] as const) {
    const { reads, loads } = await stampede({ protection, readsPerSecond: 0, seconds: 3 })
    assert.deepEqual([reads, loads], [0, 0])
  }
})

test('stampede returns the loads of every second, also of seconds without loads', async () => {
  for (const protection of ['none', 'stale-while-refill'] as const) {
    const policy = { ttl: 20, jitter: 0 }
    const report = await stampede({ protection, policy, processes: 3, seconds: 45 })
    const { loads, loadsPerSecond, loadsAfterwards } = report
    assert.equal(loadsPerSecond.length, 45)
    assert.ok(loadsPerSecond.includes(0))
    assert.equal(loadsPerSecond.reduce((sum, count) => sum + count, 0) + loadsAfterwards, loads)
  }
})

test('handover throws for every invalid argument, and names it', async () => {
  const servers = ['a', 'b']
  const base = { from: { servers }, to: { servers: ['a'] }, requestsPerSecond: 1, hitRatio: 0.5 }
  const numbers = names(
    'requestsPerSecond hitRatio writesPerSecond zipf processes learnMs announceMs handoverMs ' +
      'durationMs seed keys',
  )
  for (const name of numbers) {
    for (const value of NUMBERS) {
      const input = { ...base, [name]: value }
      await assert.rejects(handover(input), { ...refused, message: RegExp(name) })
    }
  }
  for (const [name, values] of Object.entries({
    from: [undefined, null, 5, 'a', {}, { servers: 'a' }],
    to: [undefined, null, 5, 'a', {}, { servers: 5 }],
    keyFormat: [5, null, 'x', '%d%d'],
    handoverMs: [59_999],
    announceMs: [600_001],
    processes: [0, 10_001, 1.5],
    keys: [0, 10_000_001, 1.5],
    hitRatio: [undefined, 1.01],
    requestsPerSecond: [undefined],
  })) {
    for (const value of values) {
      const input = { ...base, [name]: value }
      await assert.rejects(handover(input as never), { ...refused, message: RegExp(name) })
    }
  }
  for (const input of [null, 5, [], { ...base, servers }, { ...base, requestsPerSecond: 1e9 }]) {
    await assert.rejects(handover(input as never), refused)
  }
  await assert.rejects(handover({ ...base, to: { servers: [] } }), { code: 'MINTRING_NO_SERVERS' })
  await assert.rejects(handover({ ...base, signal: 5 as never }), refused)
})

test('remap throws for every invalid argument', async () => {
  const change = { remove: 1 }
  const base = { servers: 4, change, keys: 100 }
  const numbers = names(
    'servers keys trials requestsPerSecond hitRatio shards writesPerSecond zipf processes ' +
      'learnMs announceMs handoverMs durationMs seed',
  )
  for (const name of numbers) {
    for (const value of NUMBERS) {
      const input = { requestsPerSecond: 1, hitRatio: 0.5, ...base, [name]: value }
      await assert.rejects(remap(input as never), refused, `${name} ${String(value)}`)
    }
  }
  for (const name of names('distributions hashes')) {
    for (const value of WORDS) {
      const code = { code: /^MINTRING_BAD_(ARGUMENT|BEHAVIOR)$/ }
      await assert.rejects(remap({ ...base, [name]: value } as never), code, `${name} ${value}`)
    }
  }
  for (const input of [
    { ...base, keyFormat: 5 },
    { ...base, keyFormat: 'x' },
    { ...base, key: 5 },
    { ...base, options: 5 },
    { ...base, onProgress: 5 },
    { ...base, runShard: 5 },
    { ...base, signal: 5 },
    { ...base, keyFormat: '%d', keys: ['a'] },
    { ...base, shards: 2, keys: ['a'] },
    { ...base, trials: 2, change: { remove: ['10.0.0.1:11211'] } },
    { ...base, hitRatio: 0.5 },
    { ...base, requestsPerSecond: 5 },
    { ...base, processes: 5 },
    { ...base, handoverMs: 5_000 },
    { ...base, requestsPerSecond: 5, hitRatio: 0.5, handoverMs: 5_000 },
    { ...base, servers: 100_000, trials: 100_000 },
    null,
  ]) {
    await assert.rejects(remap(input as never), refused, JSON.stringify(input))
  }
})

test('remap throws for an invalid change', async () => {
  for (const change of [
    ...NUMBERS.flatMap((value) => [{ remove: value }, { add: value }, { reweight: value }]),
    { remove: ['a', 'a'] },
    { remove: ['a'], reweight: { a: 2 } },
    { remove: ['a'], replace: { a: 'd' } },
    { replace: { a: 'd' }, reweight: { a: 2 } },
    { replace: { a: 'd', 'a:11211': 'e' } },
    { replace: ['a'] },
    { reweight: { a: Number.NaN } },
    { reweight: { a: '2' } },
    { reweight: { nobody: 2 } },
    { removes: 1 },
    { remove: 1, reweigth: { a: 2 } },
    {},
    5,
    null,
  ]) {
    const input = { servers: ['a', 'b', 'c'], change, keys: 10 }
    await assert.rejects(remap(input as never), (error: { code?: string }) => {
      return error.code === 'MINTRING_BAD_ARGUMENT' || error.code === 'MINTRING_BAD_SERVER'
    })
  }
})

test('remap: a server that replaces another keeps its weight, unless it has its own', async () => {
  const servers = ['a:1:3', { host: 'b', port: 2, weight: 2 }, 'c']
  const shares = async (replace: Record<string, unknown>): Promise<readonly number[]> => {
    const input = {
      servers,
      change: { replace: replace as never },
      distributions: ['modulaWeighted'],
    }
    const { results } = await remap(input as never)
    return results[0]!.worst.shares
  }
  const near = (got: readonly number[], want: readonly number[]): void => {
    for (const [i, share] of want.entries()) assert.ok(Math.abs(got[i]! - share) < 0.05, `${got}`)
  }
  near(await shares({ 'a:1': 'd:1', 'b:2': { host: 'e' } }), [3 / 6, 2 / 6, 1 / 6])
  near(await shares({ 'a:1': 'memcached://d:1' }), [3 / 6, 2 / 6, 1 / 6])
  near(await shares({ 'a:1': 'd:1:1' }), [1 / 4, 2 / 4, 1 / 4])
  near(await shares({ 'b:2': { host: 'e', weight: 4 } }), [3 / 8, 4 / 8, 1 / 8])
  near(await shares({ 'a:1': 'memcached://d:1?weight=1' }), [1 / 4, 2 / 4, 1 / 4])
})
