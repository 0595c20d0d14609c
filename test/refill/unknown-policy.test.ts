import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RefillPolicy } from '../../src/refill/policy.ts'
import { world } from './world.ts'

const POLICY = { ttl: 10, staleWhileRevalidate: 600, lease: 4, jitter: 0 } as const
const PLACEHOLDERS = ['inline', 'sidecar'] as const

/** What a process can say about a key whose policy it does not use. */
const SAYINGS: Readonly<Record<string, Partial<RefillPolicy> | undefined>> = {
  nothing: undefined,
  'an empty object': {},
  'a stale window': { staleWhileRevalidate: 30 },
  'a window for errors': { staleIfError: 30 },
  'undefined options': { staleWhileRevalidate: undefined, placeholder: undefined },
}

for (const dialect of ['meta', 'classic'] as const) {
  describe(`invalidate by a process that never used the key, ${dialect} commands`, () => {
    for (const [said, given] of Object.entries(SAYINGS)) {
      test(`that says ${said} stops loads in progress of every kind`, async () => {
        for (const placeholder of PLACEHOLDERS) {
          const w = world(dialect)
          const [reader, writer] = [w.start(), w.start()]
          const policy = { ...POLICY, placeholder }
          const loading = reader.refill.getOrSetEntry('k', () => w.later(300, 'old'), policy)
          await w.pass(50)
          await w.when(writer.refill.invalidate('k', given))
          assert.deepEqual(await w.when(loading), { value: 'old', state: 'uncached' })
          const next = await w.when(reader.refill.getOrSetEntry('k', () => 'new', policy))
          assert.ok(next.value === 'new' || next.state === 'stale', JSON.stringify(next))
        }
      })
    }

    test('serves nothing stale to readers whose policy has no stale window', async () => {
      for (const placeholder of PLACEHOLDERS) {
        const w = world(dialect)
        const [reader, writer] = [w.start(), w.start()]
        const policy = { ...POLICY, staleWhileRevalidate: 0, placeholder }
        await w.when(reader.refill.getOrSet('k', () => 'old', policy))
        assert.equal(await w.when(writer.refill.invalidate('k')), true)
        const late = (): Promise<string> => w.later(100, 'new')
        const both = [reader, w.start()].map(({ refill }) =>
          refill.getOrSetEntry('k', late, policy),
        )
        const states = (await w.when(Promise.all(both))).map(
          ({ value, state }) => `${value} ${state}`,
        )
        assert.deepEqual(states.sort(), ['new fresh', 'new miss'])
        assert.equal(reader.refill.counters.unreadable, 0)
      }
    })

    test('lets a plain set be stale for the default window, also without a ttl', async () => {
      for (const ttl of [0, 3_600]) {
        const w = world(dialect)
        const { refill } = w.start({ defaults: { staleWhileRevalidate: 30 } })
        w.server.set('k', { body: '"set"', flags: 1 }, ttl)
        assert.equal(await w.when(refill.invalidate('k')), true)
        assert.equal(w.server.peek('k') !== undefined, dialect === 'meta')
        await w.pass(31_000)
        assert.equal(w.server.peek('k'), undefined)
      }
    })

    test('deletes a plain set when the default window is 0', async () => {
      const w = world(dialect)
      const { refill } = w.start({ defaults: { staleWhileRevalidate: 0 } })
      w.server.set('k', { body: '"set"', flags: 1 }, 3_600)
      assert.equal(await w.when(refill.invalidate('k')), true)
      assert.equal(w.server.peek('k'), undefined)
    })
  })

  test(`invalidate that says only part of a policy takes the rest from the last use, ${dialect} commands`, async () => {
    const w = world(dialect)
    const { refill } = w.start()
    const policy = { ...POLICY, staleWhileRevalidate: 0 }
    await w.when(refill.getOrSet('k', () => 'old', policy))
    assert.equal(await w.when(refill.invalidate('k', { timeoutMs: 1_000 })), true)
    assert.equal(w.server.peek('k'), undefined)
    await w.when(refill.getOrSet('k', () => 'old', policy))
    await w.when(refill.invalidate('k', { staleWhileRevalidate: 5 }))
    assert.notEqual(w.server.peek('k'), undefined)
    await w.pass(6_000)
    assert.equal(w.server.peek('k'), undefined)
  })
}

describe('invalidate by a process that never used the key, on a server that returns remaining lifetimes', () => {
  for (const staleWhileRevalidate of [0, 60]) {
    test(`keeps the staleWhileRevalidate of the key's readers, when its own default is ${staleWhileRevalidate} s`, async () => {
      const w = world('meta')
      const [reader, writer] = [w.start(), w.start({ defaults: { staleWhileRevalidate } })]
      await w.when(reader.refill.getOrSet('k', () => 'old', POLICY))
      await w.pass(5_000)
      assert.equal(await w.when(writer.refill.invalidate('k')), true)
      await w.pass(500_000)
      const entry = await w.when(reader.refill.getOrSetEntry('k', () => 'new', POLICY))
      assert.deepEqual(
        [entry.value, entry.state, entry.staleBecause],
        ['old', 'stale', 'invalidated'],
      )
      await w.pass(100)
      assert.equal(await w.when(reader.refill.getOrSet('k', () => 'newer', POLICY)), 'new')
    })
  }

  test('keeps the lifetime of a placeholder, so that a load that begins after it is stored', async () => {
    for (const staleWhileRevalidate of [0, 5]) {
      const w = world('meta')
      const [reader, writer] = [w.start(), w.start({ defaults: { staleWhileRevalidate } })]
      const old = reader.refill.getOrSetEntry('k', () => w.later(1_000, 'old'), POLICY)
      await w.pass(50)
      await w.when(writer.refill.invalidate('k'))
      const late = w.start().refill.getOrSetEntry('k', () => w.later(20_000, 'new'), POLICY)
      assert.equal((await w.when(old)).state, 'uncached')
      assert.equal((await w.when(late)).state, 'miss')
      assert.equal((await w.when(reader.refill.getOrSetEntry('k', () => 'x', POLICY))).value, 'new')
    }
  })

  test('does not extend the lifetime of a stale value, however often it is called', async () => {
    const w = world('meta')
    const [reader, writer] = [w.start(), w.start()]
    await w.when(reader.refill.getOrSet('k', () => 'old', POLICY))
    for (let i = 0; i < 61; i++) {
      await w.pass(10_000)
      await w.when(writer.refill.invalidate('k'))
    }
    await w.pass(1_000)
    assert.equal(w.server.peek('k'), undefined)
  })

  test('lets other programs read a stale page for no longer than the default window', async () => {
    const w = world('meta')
    const [reader, writer] = [w.start(), w.start()]
    const policy = { ...POLICY, placeholder: 'sidecar' } as const
    await w.when(reader.refill.getOrSet('k', () => 'old', policy))
    await w.when(writer.refill.invalidate('k'))
    assert.equal(JSON.parse(String(w.server.peek('k')?.body)), 'old')
    await w.pass(61_000)
    assert.equal(w.server.peek('k'), undefined)
  })
})
