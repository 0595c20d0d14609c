import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { isMintringError } from '../../src/errors.ts'
import { serve } from './support.ts'

const POLICY = { ttl: 60, jitter: 0 } as const

/** What is stored, and the settings under which it cannot be decoded. */
const UNREADABLE: Readonly<
  Record<
    string,
    { readonly flags: number; readonly body: string | Buffer; settings?: BehaviorsInput }
  >
> = {
  'damaged JSON': { flags: 9, body: '{broken' },
  'damaged gzip': { flags: 11, body: 'xxxxx' },
  'a body that unfolds to too much': {
    flags: 7,
    body: gzipSync(Buffer.alloc(500_000)),
    settings: { maxDecompressedBytes: 100_000 },
  },
  'a manifest whose chunks are gone': {
    flags: 133,
    body: '~chunk~00000000-0000-4000-8000-000000000000 2 2000000',
    settings: { largeValues: 'split' },
  },
  'an empty item of another client': { flags: 0, body: '' },
  'a value whose asynchronous serializer fails': {
    flags: 29,
    body: '{"old":1}',
    settings: {
      serializer: {
        serialize: async (value) => JSON.stringify(value),
        deserialize: async (body) => {
          const value = JSON.parse(String(body)) as { old?: number }
          if (value.old !== undefined) throw new Error('the schema changed')
          return value
        },
      },
    },
  },
}

describe('getOrSet of a value that cannot be decoded', () => {
  for (const protocol of ['auto', 'classic'] as const) {
    for (const [name, { flags, body, settings = {} }] of Object.entries(UNREADABLE)) {
      test(`loads ${name} once, protocol '${protocol}'`, async (context) => {
        const { cache } = await serve(context, { ...settings, protocol })
        const told: unknown[] = []
        cache.on('unreadable', (message) => told.push(message.event))
        for (const key of ['k', 'm2']) {
          await cache.raw(key, 'set', key, flags, 600, body.length, Buffer.from(body))
        }
        let loads = 0
        const load = () => ({ load: ++loads })
        for (let i = 0; i < 3; i++)
          assert.deepEqual(await cache.getOrSet('k', load, POLICY), { load: 1 })
        const many = await cache.getOrSetMany(
          ['m1', 'm2', 'm3'],
          (keys) => new Map(keys.map((key) => [key, { key }])),
          POLICY,
        )
        assert.deepEqual([...many.keys()], ['m1', 'm2', 'm3'])
        const isPlaceholder = body.length === 0
        assert.equal(told.length, isPlaceholder ? 0 : 2)
        assert.equal(cache.refillCounters.unreadable, isPlaceholder ? 0 : 2)
      })
    }
  }
})

describe('getOrSetMany and invalidate with many keys', () => {
  test('serve any number of cached keys without a load, and invalidate them', async (context) => {
    const { cache } = await serve(context)
    const keys = Array.from({ length: 11_000 }, (_, i) => `k${i}`)
    await cache.setMany(new Map(keys.map((key) => [key, key])), { ttl: 600 })
    const values = await cache.getOrSetMany(keys, () => assert.fail('loaded'), POLICY)
    assert.equal(values.size, keys.length)
    assert.equal(cache.refillCounters.states.bypass, 0)
    assert.equal(await cache.invalidate(keys), true)
    const entry = await cache.getOrSetEntry('k10999', () => 'new', POLICY)
    assert.equal(entry.state, 'stale')
  })

  test('reject before any load when one of the keys is invalid', async (context) => {
    const { cache } = await serve(context)
    const isBadKey = (error: unknown): boolean =>
      isMintringError(error) && error.code === 'MINTRING_BAD_KEY'
    for (const key of ['has space', 'x'.repeat(300), '']) {
      const load = () => assert.fail('loaded')
      await assert.rejects(cache.getOrSetMany(['ok', key], load, POLICY), isBadKey)
      await assert.rejects(cache.invalidate(['ok', key]), isBadKey)
      await assert.rejects(cache.refresh(key, load, POLICY), isBadKey)
      await assert.rejects(cache.getOrSet(key, load, POLICY), isBadKey)
    }
    assert.equal(cache.refillCounters.states.bypass, 0)
  })
})

describe('getOrSet of an empty value', () => {
  for (const protocol of ['auto', 'classic'] as const) {
    for (const valueFlags of ['mintring', 'memcached'] as const) {
      test(`returns it without a load, also after a plain set: ${valueFlags}, protocol '${protocol}'`, async (context) => {
        const { cache } = await serve(context, { valueFlags, protocol })
        for (const empty of ['', Buffer.alloc(0)]) {
          const key = typeof empty
          await cache.getOrSet(key, () => empty, POLICY)
          await cache.set(`set:${key}`, empty, { ttl: 60 })
          for (const each of [key, `set:${key}`]) {
            const policy = { ...POLICY, staleWhileRevalidate: 0 }
            const found = await cache.getOrSet(each, () => 'loaded', each === key ? POLICY : policy)
            assert.deepEqual(found, empty)
          }
        }
      })
    }
  }
})
