import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { world } from '../refill/world.ts'

const POLICY = { ttl: 100, staleWhileRevalidate: 20, lease: 4, jitter: 0, tags: ['a'] } as const

for (const dialect of ['meta', 'classic'] as const) {
  describe(`a tag, ${dialect} commands`, () => {
    test('that is invalidated during a refresh makes the value stale that it stores', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      let version = 1
      const load = (): Promise<number> => w.later(50, version)
      await w.when(refill.getOrSet('k', load, POLICY))
      const refreshing = refill.refresh('k', load, POLICY)
      await w.pass(30)
      version = 2
      await w.when(w.start().refill.invalidateTags('a'))
      assert.equal(await w.when(refreshing), 1)
      const entry = () => w.when(refill.getOrSetEntry('k', load, POLICY))
      const { state, value, staleBecause } = await entry()
      assert.deepEqual([state, value, staleBecause], ['stale', 1, 'tag'])
      await w.pass(100)
      assert.deepEqual([(await entry()).state, (await entry()).value], ['fresh', 2])
    })

    test('of a definition applies to all its keys, also if a function returns it', async () => {
      const w = world(dialect)
      const { refill } = w.start()
      const tagsOf = (value: string): string[] => [`of ${value}`]
      for (const [name, tags, tag] of [
        ['named', POLICY.tags, 'a'],
        ['made', tagsOf, 'of x'],
      ] as const) {
        const key = (id: number): string => `${name}:${id}`
        const defined = refill.define({ ...POLICY, key, loader: () => 'x', tags })
        for (const id of [1, 2, 1, 2]) await w.when(defined.get(id))
        await w.pass(100)
        assert.equal((await w.when(defined.getEntry(1))).state, 'fresh')
        await w.when(refill.invalidateTags(tag))
        for (const id of [1, 2]) {
          assert.equal((await w.when(defined.getEntry(id))).staleBecause, 'tag')
        }
      }
    })

    for (const hard of [false, true]) {
      test(`makes all values of a batch stale, and one call loads them again; hard: ${hard}`, async () => {
        const w = world(dialect)
        const { refill } = w.start()
        const keys = ['k1', 'k2', 'k3']
        let version = 1
        let calls = 0
        const load = async (missing: readonly string[]): Promise<Map<string, number>> => {
          calls++
          return new Map(missing.map((key) => [key, version]))
        }
        const read = async () => {
          const entries = await w.when(refill.getOrSetManyEntries(keys, load, POLICY))
          return [...entries.values()].map(({ state, value }) => `${state} ${value}`)
        }
        await read()
        version = 2
        await w.when(w.start().refill.invalidateTags('a', { hard }))
        assert.deepEqual(await read(), Array(3).fill(hard ? 'miss 2' : 'stale 1'))
        await w.pass(100)
        assert.deepEqual(await read(), Array(3).fill('fresh 2'))
        assert.equal(calls, 2)
      })
    }
  })
}
