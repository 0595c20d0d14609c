import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ManyLoader } from '../../src/refill/many.ts'
import type { RefillOptions } from '../../src/refill/refill.ts'
import { type Process, type World, world } from '../refill/world.ts'

const POLICY = {
  ttl: 100,
  staleWhileRevalidate: 20,
  lease: 4,
  jitter: 0,
  tags: ['a', 'b'],
} as const

/** A key with its origin, which counts its loads. */
function origin(w: World, { refill }: Process, policy: RefillOptions = POLICY) {
  const told = { value: 1, loads: 0 }
  const load = (): number => {
    told.loads++
    return told.value
  }
  const entry = () => w.when(refill.getOrSetEntry('k', load, policy))
  return { told, entry }
}

for (const dialect of ['meta', 'classic'] as const) {
  describe(`values with tags, ${dialect} commands`, () => {
    test('are fresh until one of their tags is invalidated, then stale once because of the tag', async () => {
      const w = world(dialect)
      const { told, entry } = origin(w, w.start())
      assert.equal((await entry()).state, 'miss')
      assert.equal((await entry()).state, 'fresh')
      told.value = 2
      await w.when(w.start().refill.invalidateTags('b'))
      const stale = await entry()
      assert.deepEqual([stale.state, stale.value, stale.staleBecause], ['stale', 1, 'tag'])
      await w.pass(50)
      const { state, value } = await entry()
      assert.deepEqual([state, value, told.loads], ['fresh', 2, 2])
    })

    test('are loaded at once when their key is invalidated too, between the read and the mark', async () => {
      const w = world(dialect)
      const process = w.start()
      const { told, entry } = origin(w, process)
      await entry()
      told.value = 2
      await w.when(process.refill.invalidateTags('b'))
      const exchange = process.store.exchange.bind(process.store)
      process.store.exchange = (place, key, commands) => {
        process.store.exchange = exchange
        if (dialect === 'meta') w.server.execute('k', { name: 'md', invalidate: true })
        return exchange(place, key, commands)
      }
      assert.equal((await entry()).state, 'stale')
      await w.pass(50)
      const { state, value } = await entry()
      assert.deepEqual([state, value, told.loads], ['fresh', 2, 2])
    })

    test('stay fresh when a tag that they do not have is invalidated', async () => {
      const w = world(dialect)
      const process = w.start()
      const { entry } = origin(w, process)
      await entry()
      await w.when(process.refill.invalidateTags(['c', 'A']))
      assert.equal((await entry()).state, 'fresh')
    })

    test('are stale once, and loaded once, when a tag was evicted', async () => {
      const w = world(dialect)
      const { told, entry } = origin(w, w.start())
      await entry()
      w.server.evictTag('a')
      const { state, staleBecause } = await entry()
      assert.deepEqual([state, staleBecause], ['stale', 'tag'])
      await w.pass(50)
      assert.deepEqual([(await entry()).state, told.loads], ['fresh', 2])
    })

    test('are not returned after a hard invalidation, even when a soft one follows', async () => {
      const w = world(dialect)
      const process = w.start()
      const { told, entry } = origin(w, process)
      await entry()
      told.value = 2
      await w.when(process.refill.invalidateTags('a', { hard: true }))
      await w.when(process.refill.invalidateTags('a'))
      const { state, value } = await entry()
      assert.deepEqual([state, value], ['miss', 2])
      told.value = 3
      await w.when(process.refill.invalidateTags('a'))
      assert.equal((await entry()).state, 'stale')
    })

    test('without a stale window are loaded again before any caller gets one', async () => {
      const w = world(dialect)
      const process = w.start()
      const { told, entry } = origin(w, process, { ...POLICY, staleWhileRevalidate: 0 })
      await entry()
      told.value = 2
      await w.when(process.refill.invalidateTags('a'))
      const { state, value } = await entry()
      assert.deepEqual([state, value], ['miss', 2])
    })

    test('whose tags are returned by a function are fresh from the second load on', async () => {
      const w = world(dialect)
      const process = w.start()
      const tags = (value: unknown): string[] => [`v${value}`]
      const { told, entry } = origin(w, process, { ...POLICY, tags })
      assert.equal((await entry()).state, 'miss')
      assert.equal((await entry()).state, 'stale')
      await w.pass(50)
      assert.deepEqual([(await entry()).state, told.loads], ['fresh', 2])
      await w.when(process.refill.invalidateTags('v1'))
      assert.equal((await entry()).staleBecause, 'tag')
    })

    test('whose loader awaited context.tag() are fresh at once', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const { tags: _tags, ...policy } = POLICY
      const load = async (_key: string, context: { tag(name: string): PromiseLike<void> }) => {
        await context.tag('t')
        return 1
      }
      const entry = () => w.when(refill.getOrSetEntry('k', load, policy))
      await entry()
      assert.equal((await entry()).state, 'fresh')
      await w.when(refill.invalidateTags('t'))
      assert.equal((await entry()).staleBecause, 'tag')
    })

    test('whose loader did not await context.tag() are stale at their first read', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const { tags: _tags, ...policy } = POLICY
      const load = async (_key: string, context: { tag(name: string): PromiseLike<void> }) => {
        void context.tag('t')
        return w.later(20, 1)
      }
      const entry = () => w.when(refill.getOrSetEntry('k', load, policy))
      await entry()
      assert.equal((await entry()).state, 'stale')
    })

    test('are stale at their first read when a tag was invalidated during the load', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const first = refill.getOrSet('k', () => w.later(100, 1), POLICY)
      await w.pass(50)
      await w.when(refill.invalidateTags('a'))
      await w.when(first)
      const { state } = await w.when(refill.getOrSetEntry('k', () => 2, POLICY))
      assert.equal(state, 'stale')
    })

    test('whose load began before an invalidation are not returned as fresh to later callers', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const first = refill.getOrSet('k', () => w.later(100, 1), POLICY)
      await w.pass(50)
      await w.when(refill.invalidateTags('a'))
      const second = await w.when(refill.getOrSetEntry('k', () => 2, POLICY))
      assert.ok(second.value === 2 || second.state === 'stale', JSON.stringify(second))
      assert.equal(await w.when(first), 1)
    })

    test('stored without tags are stale for a policy with tags', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const { tags: _tags, ...policy } = POLICY
      await w.when(refill.getOrSet('k', () => 1, policy))
      const { entry } = origin(w, w.start())
      assert.equal((await entry()).staleBecause, 'tag')
    })

    test('are stale for a policy without tags when one of their stored tags was invalidated', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      await w.when(refill.getOrSet('k', () => 1, POLICY))
      await w.when(refill.invalidateTags('a'))
      const { tags: _tags, ...policy } = POLICY
      const other = w.start().refill
      const { state, staleBecause } = await w.when(other.getOrSetEntry('k', () => 2, policy))
      assert.deepEqual([state, staleBecause], ['stale', 'tag'])
    })

    test('of a batch become stale only with the tags that the loader set for their own key', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const { tags: _tags, ...policy } = POLICY
      const load: ManyLoader<number> = async (keys, { tag }) => {
        await Promise.all(keys.map((key) => tag(key, `of ${key}`)))
        return new Map(keys.map((key) => [key, 1]))
      }
      await w.when(refill.getOrSetMany(['x', 'y'], load, policy))
      await w.when(refill.invalidateTags('of x'))
      const entries = await w.when(refill.getOrSetManyEntries(['x', 'y'], load, policy))
      assert.deepEqual(
        [...entries].map(([key, { state }]) => [key, state]),
        [
          ['x', 'stale'],
          ['y', 'fresh'],
        ],
      )
    })

    test('in a batch cost one read of each tag', async () => {
      const w = world(dialect)
      const process = w.start()
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
      const load = (wanted: readonly string[]) => new Map(wanted.map((key) => [key, key]))
      await w.when(process.refill.getOrSetMany(keys, load, POLICY))
      const before = process.store.commands
      const values = await w.when(process.refill.getOrSetMany(keys, load, POLICY))
      assert.equal(values.size, 20)
      assert.equal(process.store.commands - before, 22)
    })
  })
}

describe('the stale mark that an invalidated tag causes', () => {
  test('makes one of many processes refill, and shortens the ttl of the value', async () => {
    const w = world()
    const processes = Array.from({ length: 5 }, () => w.start())
    let loads = 0
    const load = (): Promise<number> => {
      loads++
      return w.later(500, loads)
    }
    const all = () =>
      w.when(Promise.all(processes.map(({ refill }) => refill.getOrSetEntry('k', load, POLICY))))
    await all()
    assert.equal(loads, 1)
    await w.when(processes[0]!.refill.invalidateTags('a'))
    const states = (await all()).map(({ state }) => state)
    assert.deepEqual(states, Array(5).fill('stale'))
    await w.pass(100)
    await all()
    assert.equal(loads, 2)
    await w.pass(1_000)
    assert.deepEqual(new Set((await all()).map(({ state }) => state)), new Set(['fresh']))
  })

  test('never lengthens the ttl of a value that was set with a short one', async () => {
    const w = world()
    const process = w.start()
    w.server.set('k', { body: '7', flags: 1 }, 5)
    const broken = () => Promise.reject(new Error('down'))
    const entry = () => w.when(process.refill.getOrSetEntry('k', broken, POLICY))
    assert.equal((await entry()).value, 7)
    await w.pass(5_000)
    await assert.rejects(entry())
  })

  test('is set once per lease when another client keeps storing with old versions', async () => {
    const w = world()
    const process = w.start()
    const { told, entry } = origin(w, process)
    await entry()
    const item = w.server.peek('k')!
    const other = (): void => w.server.set('k', item, 120)
    await w.when(process.refill.invalidateTags('a'))
    // Read again with the other client, which keeps seeing the versions from before.
    for (let i = 0; i < 30; i++) {
      other()
      assert.equal((await entry()).state, 'stale')
      await w.pass(100)
    }
    assert.ok(told.loads <= 3, `${told.loads} loads`)
  })
})
