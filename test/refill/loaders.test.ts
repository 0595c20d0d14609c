import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { RefillEventName } from '../../src/refill/tally.ts'
import { world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 60, lease: 4, jitter: 0 } as const

const coded = (code: string, cause?: unknown) => (error: unknown) =>
  isMintringError(error) && error.code === code && (cause === undefined || error.cause === cause)

for (const dialect of ['meta', 'classic'] as const) {
  describe(`a loader, ${dialect} commands`, () => {
    test('that returns undefined stores nothing, and does not block other callers', async () => {
      const w = world(dialect)
      const [a, b] = [w.start(), w.start()]
      const entry = await w.when(a.refill.getOrSetEntry('k', () => undefined, POLICY))
      assert.deepEqual(entry, { value: undefined, state: 'uncached' })
      const startMs = w.time.nowMs
      assert.equal(await w.when(b.refill.getOrSet<number>('k', () => 2, POLICY)), 2)
      assert.ok(w.time.nowMs - startMs <= 50)
    })

    test('that returns null stores nothing unless the policy says so', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      let loads = 0
      const loader = () => {
        loads++
        return null
      }
      const call = (key: string, policy: object = {}) =>
        w.when(refill.getOrSetEntry(key, loader, { ...POLICY, ...policy }))
      assert.deepEqual(await call('k'), { value: null, state: 'uncached' })
      assert.equal((await call('k')).state, 'uncached')
      assert.equal(loads, 2)
      const negative = { negativeTtl: 3 }
      assert.deepEqual(await call('n', negative), { value: null, state: 'miss', ttl: 3 })
      assert.equal((await call('n', negative)).state, 'fresh')
      await w.pass(4_000)
      assert.equal((await call('n', negative)).state, 'stale')
    })

    test('that fails for an absent key runs once per errorBackoff in the whole fleet', async () => {
      const w = world(dialect)
      const fleet = [w.start(), w.start(), w.start()]
      const reason = new Error('down')
      const attempts: number[] = []
      const broken = (): number => {
        attempts.push(w.time.nowMs)
        throw reason
      }
      const both = [1, 2].map(() => fleet[0]!.refill.getOrSet('k', broken, POLICY))
      for (const end of await w.when(Promise.allSettled(both))) {
        assert.ok(end.status === 'rejected' && coded('MINTRING_LOADER', reason)(end.reason))
      }
      for (let i = 0; i < 300; i++) {
        const startMs = w.time.nowMs
        const call = fleet[i % 3]!.refill.getOrSet('k', broken, POLICY)
        await assert.rejects(w.when(call), coded('MINTRING_LOADER'))
        assert.ok(w.time.nowMs - startMs <= 50, 'nobody waits for what is known to fail')
        await w.pass(90)
      }
      const gaps = attempts.slice(1).map((at, i) => at - attempts[i]!)
      assert.ok(attempts.length >= 4, `${attempts.length} attempts`)
      assert.ok(
        gaps.every((gap) => gap >= 5_000),
        `gaps ${gaps}`,
      )
    })

    test('that fails runs again at once without errorBackoff, or when it called skip()', async () => {
      const w = world(dialect)
      const [a, b] = [w.start(), w.start()]
      const broken = () => Promise.reject<number>(new Error('down'))
      const policy = { ...POLICY, errorBackoff: 0 }
      await assert.rejects(w.when(a.refill.getOrSet('k', broken, policy)))
      assert.equal(await w.when(b.refill.getOrSet('k', () => 2, policy)), 2)
      const skipping = a.refill.getOrSet(
        'other',
        (_key, context): number => {
          context.skip()
          throw new Error('the caller left')
        },
        POLICY,
      )
      await assert.rejects(w.when(skipping), coded('MINTRING_LOADER'))
      assert.equal(await w.when(b.refill.getOrSet('other', () => 2, POLICY)), 2)
    })

    test('that fails while a stale value is served runs once per errorBackoff in the fleet', async () => {
      const w = world(dialect)
      const fleet = [w.start(), w.start(), w.start()]
      await w.when(fleet[0]!.refill.getOrSet('k', () => 1, POLICY))
      await w.pass(11_500)
      const attempts: number[] = []
      const broken = () => {
        attempts.push(w.time.nowMs)
        return Promise.reject<number>(new Error('down'))
      }
      for (let i = 0; i < 400; i++) {
        const entry = await w.when(fleet[i % 3]!.refill.getOrSetEntry('k', broken, POLICY))
        assert.deepEqual([entry.value, entry.state], [1, 'stale'])
        await w.pass(90)
      }
      const gaps = attempts.slice(1).map((at, i) => at - attempts[i]!)
      assert.ok(attempts.length >= 5, `${attempts.length} attempts`)
      assert.ok(
        gaps.every((gap) => gap >= 5_000),
        `gaps ${gaps}`,
      )
    })

    test('that exceeds its timeout is aborted, and its late result is discarded', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      let aborted = false
      const policy = { ...POLICY, loaderTimeoutMs: 500 }
      const call = refill.getOrSet(
        'k',
        (_key, { signal }) => {
          signal.addEventListener('abort', () => {
            aborted = true
          })
          return w.later(2_000, 'late')
        },
        policy,
      )
      await assert.rejects(w.when(call), coded('MINTRING_LOADER_TIMEOUT'))
      assert.ok(aborted)
      await w.pass(7_000)
      assert.equal(await w.when(refill.getOrSet('k', () => 'new', policy)), 'new')
      assert.equal(refill.counters.refills.timedOut, 1)
    })

    test('gets the stale value, and may set the ttl or skip the store', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const first = await w.when(
        refill.getOrSetEntry(
          'k',
          (key, context) => {
            assert.equal(context.stale, undefined)
            context.setTtl('30s')
            return key.toUpperCase()
          },
          POLICY,
        ),
      )
      assert.deepEqual(first, { value: 'K', state: 'miss', ttl: 30 })
      await w.pass(31_000)
      let stale: unknown
      const skipping = await w.when(
        refill.refresh(
          'k',
          (_key, context) => {
            stale = context.stale
            context.skip()
            return 'not stored'
          },
          POLICY,
        ),
      )
      assert.deepEqual([skipping, stale], ['not stored', 'K'])
      const after = await w.when(refill.getOrSetEntry('k', () => 'next', POLICY))
      assert.deepEqual([after.value, after.state], ['K', 'stale'])
    })

    test('whose value is too large returns it to callers without storing it', async () => {
      const w = world(dialect)
      const events: RefillEventName[] = []
      const { refill } = w.start({ hooks: { report: (name) => events.push(name) } })
      await w.when(refill.getOrSet('k', () => 'small', POLICY))
      await w.pass(11_500)
      await w.when(refill.getOrSet('k', () => 'x'.repeat(2_000_000), POLICY))
      await w.pass(100)
      const kept = await w.when(refill.getOrSetEntry('k', () => 'other', POLICY))
      assert.deepEqual([kept.value, kept.state], ['small', 'stale'])
      const cold = await w.when(refill.getOrSetEntry('cold', () => 'x'.repeat(2_000_000), POLICY))
      assert.deepEqual([cold.value?.length, cold.state], [2_000_000, 'uncached'])
      assert.equal(events.filter((name) => name === 'valueTooLarge').length, 2)
    })

    test('continues when the caller that started it aborts', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const abort = new AbortController()
      const loader = () => w.later(200, 1)
      const gone = refill.getOrSet('k', loader, { ...POLICY, signal: abort.signal })
      const stays = refill.getOrSet('k', loader, POLICY)
      const refused = assert.rejects(gone, coded('MINTRING_ABORTED'))
      await w.pass(50)
      abort.abort()
      await refused
      assert.equal(await w.when(stays), 1)
    })

    test('continues, and its value is stored, when all callers abort', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const signal = AbortSignal.abort()
      await assert.rejects(
        refill.getOrSet('k', () => 1, { ...POLICY, signal }),
        coded('MINTRING_ABORTED'),
      )
      const abort = new AbortController()
      const gone = refill.getOrSet('k', () => w.later(200, 1), { ...POLICY, signal: abort.signal })
      const late = refill.getOrSet('k', () => w.later(200, 1), { ...POLICY, timeoutMs: 100 })
      const refused = assert.rejects(gone, coded('MINTRING_ABORTED'))
      const timedOut = assert.rejects(late, coded('MINTRING_TIMEOUT'))
      await w.pass(50)
      abort.abort('left')
      await refused
      await w.pass(300)
      await timedOut
      assert.equal((await w.when(refill.getOrSetEntry('k', () => 2, POLICY))).value, 1)
    })

    test('that runs in the background is passed to waitUntil', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('k', () => 1, POLICY))
      await w.pass(11_500)
      const work: Promise<void>[] = []
      const policy = { ...POLICY, waitUntil: (promise: Promise<void>) => work.push(promise) }
      const broken = () => w.later(500, 0).then(() => Promise.reject<number>(new Error('down')))
      assert.equal(await w.when(refill.getOrSet('k', broken, policy)), 1)
      await w.pass(50)
      assert.equal(work.length, 1)
      await w.when(Promise.all(work))
    })
  })
}

describe('close of a client with refills in progress', () => {
  test('waits for refills to end', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    const loading = a.refill.getOrSet('k', () => w.later(300, 1), POLICY)
    await w.pass(50)
    await w.when(a.refill.close(1_000))
    assert.equal(await loading, 1)
    assert.equal((await w.when(b.refill.getOrSetEntry('k', () => 2, POLICY))).state, 'fresh')
    await assert.rejects(
      a.refill.getOrSet('k', () => 2, POLICY),
      coded('MINTRING_CLOSED'),
    )
    assert.equal(a.refill.size, 0)
  })

  test('aborts refills that take longer, and releases their leases', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    let aborted = false
    const loading = a.refill.getOrSet(
      'k',
      (_key, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true
        })
        return w.later(60_000, 1)
      },
      POLICY,
    )
    const failed = assert.rejects(loading, coded('MINTRING_CLOSED'))
    await w.pass(50)
    await w.when(a.refill.close(200))
    await failed
    assert.ok(aborted)
    const startMs = w.time.nowMs
    assert.equal(await w.when(b.refill.getOrSet('k', () => 2, POLICY)), 2)
    assert.ok(w.time.nowMs - startMs <= 50)
    assert.equal(a.refill.size, 0)
  })

  test('keeps the errorBackoff of a failed load in force for other processes', async () => {
    const w = world()
    const [a, b] = [w.start(), w.start()]
    await w.when(a.refill.getOrSet('k', () => 1, POLICY))
    await w.pass(11_500)
    const broken = () => Promise.reject<number>(new Error('down'))
    await w.when(a.refill.getOrSet('k', broken, POLICY))
    await w.when(a.refill.close(200))
    await w.when(b.refill.getOrSet('k', () => 2, POLICY))
    await w.pass(100)
    assert.equal(await w.when(b.refill.getOrSet('k', () => 3, POLICY)), 1)
    await w.pass(6_500)
    await w.when(b.refill.getOrSet('k', () => 4, POLICY))
    await w.pass(100)
    assert.equal(await w.when(b.refill.getOrSet('k', () => 5, POLICY)), 4)
  })
})
