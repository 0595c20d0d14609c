import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { secondaryStorage } from '../../src/integrations/better-auth.ts'
import { serve } from '../client/support.ts'

const KINDS = { 'meta commands': '1.6.18', 'classic commands': '1.5.22' }

for (const [name, version] of Object.entries(KINDS)) {
  describe(`the secondary storage of Better Auth, by ${name}`, () => {
    test('stores, reads and deletes text, and returns null for what is absent', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const storage = secondaryStorage(cache)
      await storage.set('session', '{"user":"Ada"}', 60)
      await storage.set('kept', 'until evicted')
      assert.equal(await storage.get('session'), '{"user":"Ada"}')
      assert.equal(await storage.get('kept'), 'until evicted')
      await storage.delete('session')
      assert.equal(await storage.get('session'), null)
      assert.equal(await storage.getAndDelete('session'), null)
    })

    test('accepts keys that memcached would refuse', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const storage = secondaryStorage(cache)
      const key = `a token with spaces ${'x'.repeat(300)}`
      await storage.set(key, 'v', 60)
      assert.equal(await storage.get(key), 'v')
    })

    test('stores nothing when the lifetime has ended', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const storage = secondaryStorage(cache)
      await storage.set('k', 'old', 60)
      await storage.set('k', 'new', -1)
      assert.equal(await storage.get('k'), null)
    })

    test('getAndDelete returns a value to exactly one of many callers', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const storage = secondaryStorage(cache)
      await storage.set('token', 'once', 60)
      const all = await Promise.all(Array.from({ length: 20 }, () => storage.getAndDelete('token')))
      assert.deepEqual(
        all.filter((one) => one !== null),
        ['once'],
      )
      assert.equal(await storage.get('token'), null)
    })

    test('increment counts every call, and only the first call sets the lifetime', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const storage = secondaryStorage(cache)
      const sums = await Promise.all(Array.from({ length: 10 }, () => storage.increment('ip', 60)))
      assert.deepEqual(
        sums.sort((one, two) => one - two),
        Array.from({ length: 10 }, (_, i) => i + 1),
      )
      assert.equal(await storage.increment('ip', 3_600), 11)
      assert.equal(await storage.get('ip'), '11')
    })
  })
}
