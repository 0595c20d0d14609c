import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { ManyLoader } from '../../src/refill/many.ts'
import type { RefillOptions } from '../../src/refill/refill.ts'
import { world } from '../refill/world.ts'

const POLICY = { ttl: 100, staleWhileRevalidate: 20, jitter: 0, tags: ['a', 'b'] } as const

describe('the tags of a policy', () => {
  const bad: readonly [string, unknown][] = [
    ['a string', 'a'],
    ['a number in them', ['a', 1]],
    ['an empty one', ['']],
    ['one of 257 characters', ['x'.repeat(257)]],
    ['129 of them', Array.from({ length: 129 }, (_, i) => `t${i}`)],
    ['half a surrogate pair', ['\ud800']],
    ['null', null],
  ]
  for (const [what, tags] of bad) {
    test(`are refused when they are ${what}`, async () => {
      const { refill } = world().start()
      const policy = { ...POLICY, tags } as unknown as RefillOptions
      await assert.rejects(
        refill.getOrSet('k', () => 1, policy),
        hasCode('MINTRING_BAD_POLICY'),
      )
      if (tags === 'a') return
      const many = tags as string[]
      if (many?.length !== 129)
        await assert.rejects(refill.invalidateTags(many), hasCode('MINTRING_BAD_POLICY'))
    })
  }

  test('are the same policy in any order, and other tags are another policy', async () => {
    const w = world()
    const { refill } = w.start()
    await w.when(refill.getOrSet('k', () => 1, POLICY))
    assert.equal(
      await w.when(refill.getOrSet('k', () => 2, { ...POLICY, tags: ['b', 'a', 'b'] })),
      1,
    )
    const others = refill.getOrSet('k', () => 2, { ...POLICY, tags: ['a'] })
    await assert.rejects(others, hasCode('MINTRING_BAD_POLICY'))
  })

  test('of keys that other programs read are refused when they would be stored in the value', async () => {
    const w = world('classic')
    const { refill } = w.start()
    const policy = { ...POLICY, placeholder: 'sidecar' } as const
    const calls: (() => Promise<unknown>)[] = [
      () => refill.getOrSet('k', () => 1, policy),
      () => refill.getOrSetMany(['k'], () => new Map(), policy),
      () => refill.refresh('k', () => 1, policy),
    ]
    for (const call of calls) await assert.rejects(w.when(call()), hasCode('MINTRING_BAD_POLICY'))
  })

  test('reject the load when their function returns invalid tags', async () => {
    const w = world()
    const { refill } = w.start()
    const tags = (() => 'x') as unknown as () => string[]
    const call = w.when(refill.getOrSet('k', () => 1, { ...POLICY, tags }))
    await assert.rejects(call, hasCode('MINTRING_BAD_POLICY'))
  })

  test('reject the load with the error that their function throws', async () => {
    const w = world()
    const { refill } = w.start()
    const cause = new TypeError('no products')
    const tags = (): string[] => {
      throw cause
    }
    await assert.rejects(w.when(refill.getOrSet('k', () => 1, { ...POLICY, tags })), (error) => {
      assert.ok(hasCode('MINTRING_LOADER')(error))
      assert.equal((error as Error).cause, cause)
      assert.match((error as Error).message, /^The function `tags` failed: no products$/)
      return true
    })
  })

  test('are refused when the loader of a batch sets them for a key that it does not load', async () => {
    const w = world()
    const { refill } = w.start()
    for (const key of ['other', undefined] as string[]) {
      const load: ManyLoader<number> = (_keys, { tag }) => {
        tag(key, 't')
        return new Map()
      }
      await assert.rejects(w.when(refill.getOrSetMany(['k'], load, { ttl: 10 })), (error) => {
        const { cause } = error as Error
        return hasCode('MINTRING_BAD_ARGUMENT')(cause)
      })
      await w.pass(10_000)
    }
  })

  test('are checked by invalidateTags before anything is sent, and so are its options', async () => {
    const { refill, store } = world().start()
    const options = [{ hard: 1 }, { har: true }, [], null] as unknown as { hard: boolean }[]
    for (const given of options) {
      await assert.rejects(refill.invalidateTags('a', given), hasCode('MINTRING_BAD_ARGUMENT'))
    }
    assert.equal(store.commands, 0)
  })
})

function hasCode(code: string) {
  return (error: unknown): boolean => isMintringError(error) && error.code === code
}
