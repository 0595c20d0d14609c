import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { RefillPolicy } from '../../src/refill/policy.ts'
import { resolvePolicy } from '../../src/refill/policy.ts'
import { world } from './world.ts'

const refused = (reason: RegExp) => (error: unknown) =>
  isMintringError(error) && error.code === 'MINTRING_BAD_POLICY' && reason.test(error.message)

describe('a refill policy', () => {
  test('gets defaults for its missing fields', () => {
    assert.deepEqual(resolvePolicy({ ttl: 60 }), {
      ttlSeconds: 60,
      staleWhileRevalidateSeconds: 60,
      staleIfErrorSeconds: 60,
      graceSeconds: 60,
      leaseSeconds: 10,
      earlyRefreshSeconds: 0,
      isEarlyMeasured: false,
      jitter: 0.05,
      staleTimeoutMs: 0,
      loaderTimeoutMs: 30_000,
      waitTimeoutMs: 5_000,
      onWaitTimeout: 'load',
      errorBackoffSeconds: 5,
      negativeTtlSeconds: 0,
      isShared: false,
      isSidecar: false,
      tagText: undefined,
    })
  })

  test('makes the item outlive its ttl by the longer of the two stale windows', () => {
    const policy = resolvePolicy({ ttl: '1m', staleWhileRevalidate: '10m', staleIfError: '1h' })
    assert.equal(policy.graceSeconds, 3600)
    const short = resolvePolicy({ ttl: 60, staleWhileRevalidate: 600, staleIfError: 0 })
    assert.equal(short.graceSeconds, 600)
  })

  test('takes missing fields from the defaults of the client', () => {
    const policy = resolvePolicy({ ttl: 60, lease: undefined }, { lease: 4, negativeTtl: 3 })
    assert.equal(policy.leaseSeconds, 4)
    assert.equal(policy.negativeTtlSeconds, 3)
  })

  test('derives how early a refresh starts from the time of loads, up to half of the ttl', () => {
    const policy = resolvePolicy({ ttl: 61, earlyRefresh: 'auto' })
    assert.deepEqual([policy.isEarlyMeasured, policy.earlyRefreshSeconds], [true, 30])
  })

  const impossible: [string, object, RegExp][] = [
    ['no ttl', {}, /ttl/],
    ['a ttl of 0', { ttl: 0 }, /ttl/],
    ['a negative ttl', { ttl: -1 }, /ttl/],
    ['a fraction', { ttl: 1.5 }, /ttl/],
    ['NaN', { ttl: Number.NaN }, /ttl/],
    ['a word', { ttl: 'soon' }, /ttl/],
    ['a lease under 2', { ttl: 60, lease: 1 }, /lease/],
    ['a fraction of a lease', { ttl: 60, lease: 2.5 }, /lease/],
    ['sharedValues', { ttl: 60, sharedValues: 'yes' }, /sharedValues must be true or false/],
    ['earlyRefresh', { ttl: 60, earlyRefresh: 'soon' }, /earlyRefresh/],
    ['earlyRefresh = ttl', { ttl: 60, earlyRefresh: 60 }, /earlyRefresh/],
    ['a window of 30 days', { ttl: 60, staleWhileRevalidate: '30d' }, /30 days/],
    [
      'windows of 30 days together',
      { ttl: 9e5, staleIfError: '29d', earlyRefresh: '1d' },
      /30 days/,
    ],
    [
      'a loader cut short',
      { ttl: 60, staleTimeoutMs: 200, loaderTimeoutMs: 100 },
      /loaderTimeoutMs/,
    ],
    ['a fraction of milliseconds', { ttl: 60, waitTimeoutMs: 0.5 }, /waitTimeoutMs/],
    ['too much jitter', { ttl: 60, jitter: 0.6 }, /jitter/],
    ['an unknown outcome', { ttl: 60, onWaitTimeout: 'wait' }, /onWaitTimeout/],
    ['an unknown placeholder', { ttl: 60, placeholder: 'beside' }, /placeholder/],
    ['a misspelt name', { ttl: 60, stalewhilerevalidate: 5 }, /stalewhilerevalidate/],
  ]
  for (const [name, policy, reason] of impossible) {
    test(`with ${name} is refused before any command`, async () => {
      assert.throws(() => resolvePolicy(policy as RefillPolicy), refused(reason))
      const { refill, store } = world().start()
      await assert.rejects(
        refill.getOrSet('k', () => 1, policy as RefillPolicy),
        refused(reason),
      )
      const definition = { ...(policy as RefillPolicy), key: 'k', loader: () => 1 }
      assert.throws(() => refill.define(definition), refused(reason))
      assert.equal(store.commands, 0)
    })
  }

  test('is fixed per key: a call with another policy rejects', async () => {
    const w = world()
    const { refill } = w.start()
    await w.when(refill.getOrSet('k', () => 1, { ttl: 60 }))
    await assert.rejects(
      refill.getOrSet('k', () => 1, { ttl: 30 }),
      refused(/one policy/),
    )
    await assert.rejects(
      refill.getOrSet('k', () => 1, { ttl: 60, staleWhileRevalidate: 61 }),
      refused(/one policy/),
    )
    assert.equal(await w.when(refill.getOrSet('k', () => 2, { ttl: '1m', lease: 10 })), 1)
    assert.equal(await w.when(refill.getOrSet('other', () => 2, { ttl: 30 })), 2)
  })

  test('is refused when two definitions of one key differ', () => {
    const { refill } = world().start()
    refill.define({ key: 'k', ttl: 60, loader: () => 1 })
    refill.define({ key: 'k', ttl: '60s', loader: () => 2 })
    const other = { key: 'k', ttl: 60, lease: 20, loader: () => 1 }
    assert.throws(() => refill.define(other), refused(/one policy/))
  })

  test('may change together with the client defaults that it uses', async () => {
    const w = world()
    const { refill } = w.start()
    await w.when(refill.getOrSet('k', () => 1, { ttl: 60 }))
    refill.setDefaults({ lease: 20 })
    assert.equal(await w.when(refill.getOrSet('k', () => 2, { ttl: 60, lease: 20 })), 1)
  })
})
