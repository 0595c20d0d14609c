import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compat } from '../../src/ring/compat.ts'
import { createRing } from '../../src/ring/ring.ts'
import { remap } from '../../src/simulate/remap.ts'
import type { RemapInput } from '../../src/simulate/remap-input.ts'
import type { RemapResult } from '../../src/simulate/remap-result.ts'

async function outcomes(input: RemapInput): Promise<Map<string, RemapResult>> {
  const { results } = await remap({ keys: 20_000, ...input })
  return new Map(results.map((result) => [result.distribution, result]))
}

function near(actual: number, expected: number, within: number): void {
  assert.ok(
    Math.abs(actual - expected) <= within,
    `${actual} is not within ${within} of ${expected}`,
  )
}

describe('remap: removing one of n hosts, averaged over all of them', () => {
  for (const n of [2, 3, 5, 10, 50, 100]) {
    it(`moves 1/${n} of the keys on consistent rings and 1 - 1/${n} with modula`, async () => {
      const distributions = ['ketama', 'nginx', 'rendezvous', 'maglev', 'modula'] as const
      // At most 10 hosts are removed in turn; the results of more would hardly change the average.
      const input = { servers: n, change: { remove: 1 }, distributions, trials: 10 }
      const results = await outcomes(input)
      const spread = n <= 10 ? 0.0005 : 0.002
      for (const distribution of ['nginx', 'rendezvous', 'maglev'] as const) {
        const { moved, unrelated, ideal } = results.get(distribution)!
        near(moved, 1 / n, distribution === 'maglev' ? 0.008 : spread)
        if (distribution !== 'maglev') assert.equal(unrelated, 0)
        near(ideal, 1 / n, 1e-9)
      }
      near(results.get('modula')!.moved, 1 - 1 / n, 0.01)
      near(results.get('modula')!.unrelated, 1 - 2 / n, 0.01)
      near(results.get('ketama')!.movedIfSkipped!, 1 / n, spread)
    })
  }

  for (const n of [2, 3, 5, 10, 49, 51, 99]) {
    it(`moves 1/${n} of the keys on ketama, and none of other hosts`, async () => {
      const input = { servers: n, change: { remove: 1 }, trials: 10 }
      const { moved, unrelated, remark } = (await outcomes(input)).get('ketama')!
      if (n === 51) {
        // 51 servers have 160 points each and 50 have 156, because libmemcached rounds down.
        near(moved, 1 / 51 + 0.028, 0.01)
        assert.match(remark!, /from 160 to 156 points each/)
        return
      }
      near(moved, 1 / n, n <= 10 ? 0.0005 : 0.002)
      assert.equal(unrelated, 0)
      assert.equal(remark, undefined)
    })
  }
})

describe('remap: other changes of servers', () => {
  it('adding one to n moves 1/(n + 1), only to the new one', async () => {
    const results = await outcomes({ servers: 10, change: { add: 1 } })
    near(results.get('ketama')!.moved, 1 / 11, 0.01)
    assert.equal(results.get('ketama')!.unrelated, 0)
    near(results.get('modula')!.moved, 10 / 11, 0.01)
    near(results.get('modula')!.ideal, 1 / 11, 1e-9)
  })

  it('replacing one moves only its keys on modula, and about twice as many on a ring', async () => {
    const change = { replace: { '10.0.0.4': '10.9.9.9' } }
    const results = await outcomes({ servers: 10, change })
    near(results.get('modula')!.moved, 0.1, 0.01)
    assert.equal(results.get('modula')!.unrelated, 0)
    near(results.get('ketama')!.moved, 0.19, 0.04)
    assert.equal(results.get('ketama')!.unrelated, 0)
  })

  it('another weight moves the difference, and few or no keys between other hosts', async () => {
    const change = { reweight: { '10.0.0.1:11211': 3 } }
    const distributions = ['ketama', 'rendezvous'] as const
    const results = await outcomes({ servers: 10, change, distributions })
    near(results.get('rendezvous')!.moved, 3 / 12 - 1 / 10, 0.01)
    near(results.get('rendezvous')!.ideal, 3 / 12 - 1 / 10, 1e-9)
    assert.equal(results.get('rendezvous')!.unrelated, 0)
    assert.ok(results.get('ketama')!.unrelated < 0.1)
    assert.match(results.get('ketama')!.remark!, /160 to 15\d/)
  })

  it('several changes at once count as one', async () => {
    const change = { remove: ['10.0.0.1'], add: ['new-a', 'new-b:11212:2'] }
    const report = await remap({ servers: 4, change, keys: 5000 })
    assert.equal(report.change, 'remove 10.0.0.1, add new-a:11211 new-b:11212')
    assert.equal(report.trials, 1)
    assert.equal(report.results[0]!.worst.labels.length, 5)
    near(report.results[0]!.ideal, 0.5, 1e-9)
  })

  it('makes one trial for a list of servers, and one per server for a number', async () => {
    const one = await remap({ servers: ['a', 'b', 'c'], change: { remove: ['b'] }, keys: 100 })
    assert.equal(one.trials, 1)
    const all = await remap({ servers: ['a', 'b', 'c'], change: { remove: 1 }, keys: 100 })
    assert.equal(all.trials, 3)
    const many = await remap({
      servers: 2000,
      change: { remove: 1 },
      keys: 100,
      distributions: ['jump'],
    })
    assert.equal(many.trials, 10)
  })
})

describe('the report of remap', () => {
  it('counts the same as Ring.diff', async () => {
    const servers = ['a:1:1', 'b:1:2', 'c:1:3', 'd:1:9']
    const { results } = await remap({ servers, change: { remove: ['c:1'] }, keys: 3000 })
    const keys = Array.from({ length: 3000 }, (_, i) => `key:${i}`)
    const ring = createRing(servers)
    const { moved, unrelated, before, after } = ring.diff(ring.without('c:1'), keys)
    assert.equal(results[0]!.moved, moved / 3000)
    assert.equal(results[0]!.unrelated, unrelated / 3000)
    assert.deepEqual(
      results[0]!.shares,
      before.map((count) => count / 3000),
    )
    assert.deepEqual(
      results[0]!.worst.shares,
      after.map((count) => count / 3000),
    )
  })

  it('compares the balance with the weights', async () => {
    const servers = ['a:1:1', 'b:1:2', 'c:1:7']
    const { results } = await remap({
      servers,
      change: { remove: 1 },
      distributions: ['rendezvous'],
    })
    near(results[0]!.maxOverMean, 1, 0.03)
    near(results[0]!.stddevOverMean, 0, 0.03)
    near(results[0]!.shares[2]!, 0.7, 0.01)
  })

  it('shows the load on the origin while moved keys are cold', async () => {
    const question = { requestsPerSecond: 1000, hitRatio: 0.9 }
    const results = await outcomes({ servers: 10, change: { remove: 1 }, ...question })
    near(results.get('ketama')!.origin!.beforePerSecond, 100, 1e-9)
    near(results.get('ketama')!.origin!.afterPerSecond, 100 + 900 * 0.1, 1)
    near(results.get('modula')!.origin!.afterPerSecond, 100 + 900 * 0.9, 5)
  })

  it('includes every distribution with every requested hash', async () => {
    const distributions = ['ketama', 'jump'] as const
    const hashes = ['md5', 'xxh64'] as const
    const report = await remap({ servers: 3, change: { add: 1 }, keys: 100, distributions, hashes })
    const tried = report.results.map(({ distribution, hash }) => `${distribution} ${hash}`)
    assert.deepEqual(tried, ['ketama md5', 'ketama xxh64', 'jump md5', 'jump xxh64'])
  })

  it('accepts keys of any iterable, and ring options', async () => {
    async function* keys(): AsyncGenerator<string> {
      for (let i = 0; i < 500; i++) yield `k${i}`
    }
    const options = { ...compat.twemproxy, distribution: undefined }
    const report = await remap({ servers: 3, change: { remove: 1 }, keys: keys(), options })
    assert.equal(report.keys, 500)
    assert.equal((await remap({ servers: 3, change: { remove: 1 }, keys: ['a', 'b'] })).keys, 2)
  })

  it('has the same figures when the keys are counted in three shards', async () => {
    const input = { servers: 7, change: { remove: 1 }, keys: 10_001 } as const
    const progress: number[] = []
    const whole = await remap(input)
    const split = await remap({ ...input, shards: 3, onProgress: (done) => progress.push(done) })
    assert.deepEqual(split, whole)
    assert.equal(progress.at(-1), 1)
  })
})

describe('remap, for invalid arguments', () => {
  const cases: readonly [string, RemapInput][] = [
    ['no change', { servers: 3, change: {} }],
    ['no servers', { servers: 0, change: { remove: 1 } }],
    ['half a server', { servers: 2.5, change: { remove: 1 } }],
    ['removing them all', { servers: 3, change: { remove: 3 } }],
    ['removing a stranger', { servers: 3, change: { remove: ['10.1.1.1'] } }],
    ['weighing a stranger', { servers: 3, change: { reweight: { x: 2 } } }],
    ['a negative count', { servers: 3, change: { add: -1 } }],
    ['no keys', { servers: 3, change: { add: 1 }, keys: [] }],
    ['0 keys', { servers: 3, change: { add: 1 }, keys: 0 }],
    ['a key format without a number', { servers: 3, change: { add: 1 }, keyFormat: 'key' }],
    ['a hit ratio over 1', { servers: 3, change: { add: 1 }, hitRatio: 1.5 }],
    ['a negative rate', { servers: 3, change: { add: 1 }, requestsPerSecond: -1 }],
    ['0 trials', { servers: 3, change: { add: 1 }, trials: 0 }],
    ['no distributions', { servers: 3, change: { add: 1 }, distributions: [] }],
  ]
  for (const [what, input] of cases) {
    it(`${what} throws MINTRING_BAD_ARGUMENT`, async () => {
      await assert.rejects(remap(input), { code: 'MINTRING_BAD_ARGUMENT' })
    })
  }

  it('a duplicate server and an unknown distribution throw the errors of createRing', async () => {
    const change = { add: ['10.0.0.1'] }
    await assert.rejects(remap({ servers: 3, change }), { code: 'MINTRING_DUPLICATE_SERVER' })
    const distributions = ['ketema'] as never
    await assert.rejects(remap({ servers: 3, change: { add: 1 }, distributions }), {
      code: 'MINTRING_BAD_BEHAVIOR',
    })
  })
})
