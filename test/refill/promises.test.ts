import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import { type Process, world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 20, lease: 4, jitter: 0 } as const

const coded = (code: string) => (error: unknown) => isMintringError(error) && error.code === code

for (const dialect of ['meta', 'classic'] as const) {
  describe(`a plain set, ${dialect} commands`, () => {
    test('is fresh for its whole ttl, whatever the stale windows of its readers', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      w.server.set('k', { body: '"set"', flags: 1 }, 60)
      const policy = { ...POLICY, staleWhileRevalidate: 600, earlyRefresh: 5 }
      for (let i = 0; i < 58; i++) {
        const entry = await w.when(refill.getOrSetEntry('k', () => 'loaded', policy))
        assert.deepEqual([entry.value, entry.state], ['set', 'fresh'])
        await w.pass(1_000)
      }
      await w.pass(3_000)
      assert.equal(await w.when(refill.getOrSet('k', () => 'loaded', policy)), 'loaded')
    })

    test('that is invalidated is never marked fresh again', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      w.server.set('k', { body: '"set"', flags: 1 }, 60)
      await w.when(refill.invalidate('k', POLICY))
      const entry = await w.when(refill.getOrSetEntry('k', () => 'loaded', POLICY))
      assert.ok(entry.value === 'loaded' || entry.state === 'stale', JSON.stringify(entry))
      await w.pass(100)
      assert.equal(await w.when(refill.getOrSet('k', () => 'again', POLICY)), 'loaded')
    })
  })

  describe(`returned values, ${dialect} commands`, () => {
    const list = (): { roles: string[] } => ({ roles: ['user'] })

    test('are never shared between callers, whether they are loaded, fresh or stale', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const call = () => refill.getOrSet('k', () => w.later(50, list()), POLICY)
      for (const passMs of [0, 1_000, 11_000]) {
        await w.pass(passMs)
        const all = await w.when(Promise.all([call(), call(), call()]))
        for (const one of all) one.roles.push('admin')
        assert.deepEqual(
          all.map(({ roles }) => roles),
          Array(3).fill(['user', 'admin']),
        )
      }
    })

    test('are never the stale value that the loader received', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('k', list, POLICY))
      await w.pass(11_500)
      const stale = await w.when(
        refill.getOrSet(
          'k',
          (_key, context) => {
            const stale = context.stale as { roles: string[] } | undefined
            stale?.roles.push('admin')
            return list()
          },
          POLICY,
        ),
      )
      await w.pass(100)
      assert.deepEqual(stale, list())
    })

    test('are one object for all callers with sharedValues', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const policy = { ...POLICY, sharedValues: true }
      const call = () => refill.getOrSet('k', () => w.later(50, list()), policy)
      for (let i = 0; i < 2; i++) {
        const [one, other] = await w.when(Promise.all([call(), call()]))
        assert.equal(one, other)
      }
    })
  })

  describe(`callers that wait for a load, ${dialect} commands`, () => {
    test('wait at most waitTimeoutMs for a load of their own process', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const policy = { ...POLICY, waitTimeoutMs: 500, onWaitTimeout: 'throw' } as const
      const first = refill.getOrSet('k', () => w.later(5_000, 1), policy)
      await w.pass(50)
      const startMs = w.time.nowMs
      await assert.rejects(
        w.when(refill.getOrSet('k', () => 2, policy)),
        coded('MINTRING_WAIT_TIMEOUT'),
      )
      assert.ok(w.time.nowMs - startMs <= 550)
      assert.equal(await w.when(first), 1)
    })

    test('wait only for the one failing load per errorBackoff, when staleWhileRevalidate has passed', async () => {
      const w = world(dialect)
      const fleet = [w.start(), w.start(), w.start()]
      const policy = { ...POLICY, staleWhileRevalidate: 1, staleIfError: 60, errorBackoff: 5 }
      await w.when(fleet[0]!.refill.getOrSet('k', () => 'old', policy))
      await w.pass(13_000)
      let loads = 0
      let waits = 0
      const broken = () => {
        loads++
        return w.later(300, 0).then(() => Promise.reject<string>(new Error('down')))
      }
      const read = async ({ refill }: Process): Promise<void> => {
        const startMs = w.time.nowMs
        assert.equal(await refill.getOrSet('k', broken, policy), 'old')
        if (w.time.nowMs - startMs > 50) waits++
      }
      for (let i = 0; i < 300; i++) {
        // Allow two callers of each process at once.
        await w.when(Promise.all([...fleet, ...fleet].map(read)))
        await w.pass(100)
      }
      assert.ok(loads >= 4 && loads <= 8, `${loads} loads`)
      // Allow some waits more than loads: before the first failure no process knows that the loader
      // fails.
      assert.ok(waits <= loads + 5, `${waits} waits, ${loads} loads`)
    })
  })

  describe(`an absent key whose loader fails, ${dialect} commands`, () => {
    const policy = { ...POLICY, lease: 2, loaderTimeoutMs: 1_000, waitTimeoutMs: 2_000 }
    const placeholders = dialect === 'meta' ? (['inline', 'sidecar'] as const) : ['inline' as const]
    for (const placeholder of placeholders) {
      for (const errorBackoff of [3, 30]) {
        test(`is loaded once per errorBackoff in the fleet, ${placeholder}, ${errorBackoff} s`, async () => {
          const w = world(dialect)
          const fleet = [w.start(), w.start(), w.start()]
          const starts: number[] = []
          const broken = (): Promise<string> => {
            starts.push(w.time.nowMs)
            return starts.length % 2 === 0
              ? Promise.reject(new Error('down'))
              : new Promise(() => {})
          }
          const terms = { ...policy, placeholder, errorBackoff }
          for (let i = 0; i < 1_200; i++) {
            const { refill } = fleet[i % 3]!
            void refill.getOrSet('k', broken, terms).catch(() => {})
            await w.pass(100)
          }
          const gaps = starts.slice(1).map((startMs, i) => startMs - starts[i]!)
          assert.ok(gaps.length >= 3, `${gaps.length} gaps`)
          assert.ok(Math.min(...gaps) >= errorBackoff * 1_000, gaps.join())
          assert.ok(Math.max(...gaps) <= errorBackoff * 1_000 + 4_000, gaps.join())
        })
      }
    }
  })

  describe(`early refreshes, ${dialect} commands`, () => {
    test("with 'auto' keep every read of a steady reader fresh", async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const policy = { ...POLICY, ttl: 20, earlyRefresh: 'auto' } as const
      let loads = 0
      const loader = () => w.later(1_500 + 100 * (loads % 5), ++loads)
      await w.when(refill.getOrSet('k', loader, policy))
      for (let i = 0; i < 1_000; i++) {
        const entry = await w.when(refill.getOrSetEntry('k', loader, policy))
        assert.equal(entry.state, 'fresh')
        await w.pass(200)
      }
      assert.ok(loads >= 10 && loads <= 16, `${loads} loads in 200 s`)
    })

    test('of values whose ttl is shorter than the refresh period do not load on every read', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const policies = [
        { ...POLICY, ttl: 60, earlyRefresh: 10, setTtl: 5 },
        { ...POLICY, ttl: 20, earlyRefresh: 15, jitter: 0.5, setTtl: undefined },
      ]
      for (const [i, { setTtl, ...policy }] of policies.entries()) {
        let loads = 0
        for (let reads = 0; reads < 300; reads++) {
          const value = await w.when(
            refill.getOrSet(
              `k${i}`,
              (_key, context) => {
                if (setTtl !== undefined) context.setTtl(setTtl)
                return ++loads
              },
              policy,
            ),
          )
          assert.ok(Number(value) >= 1)
          await w.pass(100)
        }
        assert.ok(loads <= 12, `${loads} loads in 30 s`)
      }
    })
  })
}
