import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { Definition } from '../../src/refill/define.ts'
import { world } from './world.ts'

const INVALIDATION = {
  meta: { name: 'md', invalidate: true },
  classic: { name: 'delete' },
} as const
const POLICY = { ttl: 10, staleWhileRevalidate: 20, lease: 4, jitter: 0 } as const

const coded = (code: string) => (error: unknown) => isMintringError(error) && error.code === code

for (const dialect of ['meta', 'classic'] as const) {
  describe(`invalidate, ${dialect} commands`, () => {
    test('returns whether a value was present, and keeps it to be served stale', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      assert.equal(await w.when(refill.invalidate('k', POLICY)), false)
      await w.when(refill.getOrSet('k', () => 1, POLICY))
      assert.equal(await w.when(refill.invalidate(['other', 'k'], POLICY)), true)
      const entry = await w.when(refill.getOrSetEntry('k', () => 2, POLICY))
      const terms = { staleFor: entry.staleFor, staleBecause: 'invalidated' }
      assert.deepEqual(entry, { value: 1, state: 'stale', ...terms })
      assert.ok(entry.staleFor! <= 1)
    })

    test('called again does not extend the ttl of the value', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('k', () => 1, POLICY))
      const broken = () => Promise.reject<number>(new Error('down'))
      let servedMs = 0
      const startMs = w.time.nowMs
      for (let i = 0; i < 60; i++) {
        await w.when(refill.invalidate('k', POLICY))
        const value = await w.when(refill.getOrSet('k', broken, POLICY).catch(() => undefined))
        if (value === 1) servedMs = w.time.nowMs - startMs
        await w.pass(900)
      }
      assert.ok(servedMs > 15_000 && servedMs <= 21_500, `served until ${servedMs} ms`)
    })

    test('deletes a value that may not be served stale', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const policy = { ttl: 10, staleWhileRevalidate: 0, jitter: 0 }
      await w.when(refill.getOrSet('k', () => 1, policy))
      assert.equal(await w.when(refill.invalidate('k')), true)
      const entry = await w.when(refill.getOrSetEntry('k', () => 2, policy))
      assert.deepEqual([entry.value, entry.state], [2, 'miss'])
    })

    test('called in a process that never reads also stops a running load from being stored as fresh', async () => {
      for (const placeholder of ['inline', 'sidecar'] as const) {
        const w = world(dialect)
        const [reader, writer] = [w.start(), w.start()]
        const policy = { ...POLICY, placeholder }
        const loading = reader.refill.getOrSetEntry('k', () => w.later(300, 'old'), policy)
        await w.pass(50)
        await w.when(writer.refill.invalidate('k'))
        assert.deepEqual(await w.when(loading), { value: 'old', state: 'uncached' })
        const next = await w.when(reader.refill.getOrSetEntry('k', () => 'new', policy))
        assert.ok(next.value === 'new' || next.state === 'stale', JSON.stringify(next))
      }
    })
  })

  describe(`refresh, ${dialect} commands`, () => {
    test('loads now and resolves to the loaded value, while readers get the stale value', async () => {
      const w = world(dialect)
      const [writer, reader] = [w.start(), w.start()]
      await w.when(reader.refill.getOrSet('k', () => 1, POLICY))
      const refreshed = writer.refill.refresh('k', () => w.later(300, 2), POLICY)
      await w.pass(50)
      const stale = await w.when(reader.refill.getOrSetEntry('k', () => 3, POLICY))
      assert.deepEqual([stale.value, stale.state], [1, 'stale'])
      assert.equal(await w.when(refreshed), 2)
      const fresh = await w.when(reader.refill.getOrSetEntry('k', () => 3, POLICY))
      assert.deepEqual([fresh.value, fresh.state], [2, 'fresh'])
    })

    test('never shares a load that began earlier, and runs one more load for all later calls', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      let version = 1
      let loads = 0
      const loader = () => {
        loads++
        return w.later(200, version)
      }
      const first = refill.refresh('k', loader, POLICY)
      await w.pass(50)
      version = 2
      const later = [1, 2, 3].map(() => refill.refresh('k', loader, POLICY))
      assert.deepEqual(await w.when(Promise.all(later)), [2, 2, 2])
      assert.equal(await first, 1)
      assert.equal(loads, 2)
      assert.equal(await w.when(refill.getOrSet('k', loader, POLICY)), 2)
    })

    test('returns its own copy of the value to each of several calls', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const loader = () => w.later(200, { list: [1] })
      const calls = [1, 2, 3, 4].map(() => refill.refresh('k', loader, POLICY))
      const values = await w.when(Promise.all(calls))
      for (const { list } of values) list.push(2)
      assert.deepEqual(values, Array(4).fill({ list: [1, 2] }))
    })

    test('waits for a load of another process that began after this call', async () => {
      const w = world(dialect)
      const [a, b] = [w.start(), w.start()]
      await w.when(a.refill.getOrSet('k', () => 0, POLICY))
      let loads = 0
      const loader = () => w.later(300, ++loads)
      const both = [a, b].map(({ refill }) => refill.refresh('k', loader, POLICY))
      const values = await w.when(Promise.all(both))
      assert.ok(values.every((value) => value >= 1))
      const entry = await w.when(a.refill.getOrSetEntry('k', () => 9, POLICY))
      assert.deepEqual([entry.value, entry.state], [Math.max(...values), 'fresh'])
    })

    test('loads at once a key that is invalidated while its first load is replaced', async () => {
      const w = world(dialect)
      const [first, second] = [w.start(), w.start()]
      void first.refill.getOrSet('k', () => w.later(60_000, 1), POLICY)
      await w.pass(50)
      const exchange = second.store.exchange.bind(second.store)
      let left = 2
      second.store.exchange = (place, key, commands) => {
        const isReplacing = commands.some(({ beside }) => beside === undefined)
        if (isReplacing && left-- > 0) w.server.execute('k', INVALIDATION[dialect])
        return exchange(place, key, commands)
      }
      const startMs = w.time.nowMs
      assert.equal(await w.when(second.refill.refresh('k', () => 2, POLICY)), 2)
      assert.ok(w.time.nowMs - startMs < 1_000, `${w.time.nowMs - startMs} ms`)
      assert.ok(left <= 0)
    })

    test('rejects when its loader fails, and keeps the stale value', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('k', () => 1, POLICY))
      const broken = () => Promise.reject<number>(new Error('down'))
      await assert.rejects(w.when(refill.refresh('k', broken, POLICY)), coded('MINTRING_LOADER'))
      assert.equal(await w.when(refill.getOrSet('k', () => 2, POLICY)), 1)
    })
  })

  describe(`getOrSetMany, ${dialect} commands`, () => {
    test('loads all its keys in one call, and returns values in the order of the keys', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('b', () => 'B', POLICY))
      const calls: (readonly string[])[] = []
      const values = await w.when(
        refill.getOrSetMany(
          ['a', 'b', 'c', 'gone', 'a'],
          async (keys) => {
            calls.push(keys)
            await w.later(100, 0)
            const known = keys.filter((key) => key !== 'gone')
            return new Map(known.map((key) => [key, key.toUpperCase()]))
          },
          POLICY,
        ),
      )
      assert.deepEqual(
        [...values],
        [
          ['a', 'A'],
          ['b', 'B'],
          ['c', 'C'],
        ],
      )
      assert.deepEqual(calls, [['a', 'c', 'gone']])
      assert.equal(await w.when(refill.getOrSet('c', () => 'other', POLICY)), 'C')
    })

    test('does not deadlock when two processes ask for the same keys in another order', async () => {
      const w = world(dialect)
      const [a, b] = [w.start(), w.start()]
      const loaded: string[] = []
      const load = async (keys: readonly string[]) => {
        loaded.push(...keys)
        await w.later(100, 0)
        return new Map(keys.map((key) => [key, 1]))
      }
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
      const startMs = w.time.nowMs
      await w.when(
        Promise.all([
          a.refill.getOrSetMany(keys, load, POLICY),
          b.refill.getOrSetMany([...keys].reverse(), load, POLICY),
        ]),
      )
      assert.deepEqual(loaded.sort(), [...keys].sort())
      assert.ok(w.time.nowMs - startMs < 1_000)
    })

    test('returns stale values and loads in the background, with the stale values in the context', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const load = (version: number) => async (keys: readonly string[]) =>
        new Map(keys.map((key) => [key, version]))
      await w.when(refill.getOrSetMany(['a', 'b'], load(1), POLICY))
      await w.pass(11_500)
      let stale: ReadonlyMap<string, unknown> | undefined
      const served = await w.when(
        refill.getOrSetMany(
          ['a', 'b'],
          (keys, context) => {
            stale = context.stale
            return load(2)(keys)
          },
          POLICY,
        ),
      )
      assert.deepEqual([...served.values()], [1, 1])
      await w.pass(100)
      assert.deepEqual(
        [...stale!],
        [
          ['a', 1],
          ['b', 1],
        ],
      )
      const after = await w.when(refill.getOrSetMany(['a', 'b'], load(3), POLICY))
      assert.deepEqual([...after.values()], [2, 2])
    })

    test('rejects when a key has no value and its loader fails', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const broken = () => Promise.reject(new Error('down'))
      await assert.rejects(
        w.when(refill.getOrSetMany(['a', 'b'], broken, POLICY)),
        coded('MINTRING_LOADER'),
      )
      const notMap = (() => ({ a: 1 })) as never
      await assert.rejects(
        w.when(refill.getOrSetMany(['a'], notMap, POLICY)),
        coded('MINTRING_LOADER'),
      )
    })

    test('rejects when its loader names its values by other keys', async () => {
      for (const values of [new Map([[1, 'x']]), new Map([['17', 'x']])]) {
        const w = world(dialect)
        const load = (async () => values) as never
        await assert.rejects(w.when(w.start().refill.getOrSetMany(['row:1'], load, POLICY)), {
          code: 'MINTRING_LOADER',
          message: /must be those that it was called with, such as 'row:1', not (a number|'17')/,
        })
      }
      const w = world(dialect)
      const table = async () => new Map(['a', 'other'].map((key) => [key, key]))
      const found = await w.when(w.start().refill.getOrSetMany(['a', 'b'], table, POLICY))
      assert.deepEqual([...found], [['a', 'a']])
    })
  })
}

describe('define', () => {
  test('binds a key, a loader and a policy', async () => {
    const w = world()
    const { refill } = w.start()
    let version = 1
    const page = refill.define({
      ...POLICY,
      key: (slug: string, language: string) => `page:${slug}:${language}`,
      loader: (slug, language, { signal }) => {
        assert.ok(signal instanceof AbortSignal)
        return `${slug} in ${language}, ${version}`
      },
    })
    assert.equal(await w.when(page.get('home', 'en')), 'home in en, 1')
    version = 2
    assert.equal(await w.when(page.refresh('home', 'en')), 'home in en, 2')
    assert.equal(await w.when(page.invalidate('home', 'en')), true)
    version = 3
    const entry = await w.when(page.getEntry('home', 'en'))
    assert.deepEqual([entry.value, entry.state], ['home in en, 2', 'stale'])
    await w.pass(100)
    assert.equal(await w.when(page.get('home', 'en')), 'home in en, 3')
  })

  test('throws for an unknown option, also when the rest is a policy in use', async () => {
    const w = world()
    const { refill } = w.start()
    const loader = async () => 1
    await w.when(refill.getOrSet('k', loader, { ttl: 5 }))
    for (const key of ['k', 'other', () => 'k']) {
      const definition = { key, loader, ttl: 5, swr: 5 } as Definition<[], number>
      assert.throws(() => refill.define(definition), coded('MINTRING_BAD_POLICY'))
    }
  })

  test('throws for an invalid key and an invalid loader', () => {
    const { refill } = world().start()
    const bad = { ...POLICY, key: 7, loader: () => 1 } as never
    assert.throws(() => refill.define(bad), coded('MINTRING_BAD_ARGUMENT'))
    const worse = { ...POLICY, key: 'k', loader: 'no' } as never
    assert.throws(() => refill.define(worse), coded('MINTRING_BAD_ARGUMENT'))
  })
})
