import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { KeyMapping } from '../../src/client/keys.ts'
import type { Codec } from '../../src/client/values/codec.ts'
import { isMintringError } from '../../src/errors.ts'
import { onBothServers } from './both-servers.ts'

const badKey = (error: unknown) => isMintringError(error) && error.code === 'MINTRING_BAD_KEY'

onBothServers((pair) => {
  const calls: Readonly<Record<string, (cache: MemcachedClient, key: string) => Promise<unknown>>> =
    {
      'a binary key of mg': (cache, key) => cache.meta.mg(Buffer.from(key, 'latin1'), { v: true }),
      'a binary key of ms': (cache, key) => cache.meta.ms(Buffer.from(key, 'latin1'), 'x', {}),
      'a binary key of md': (cache, key) => cache.meta.md(Buffer.from(key, 'latin1'), {}),
      'a raw command': (cache, key) => cache.raw('any', 'delete', key),
      'a raw command with a base64 key': (cache, key) =>
        cache.raw('any', 'md', Buffer.from(key, 'latin1').toString('base64'), 'b'),
      'the keys of a view': (cache, key) => viewOf(cache, key).get('any'),
    }
  for (const [what, call] of Object.entries(calls)) {
    test(`${what} refuses a key that is the name of one of mintring's own items`, async () => {
      await assert.rejects(call(pair.cache, '\xff~refill~lock~k'), badKey)
      await assert.rejects(call(pair.cache, '\xff~tag~t'), badKey)
      // The client accepts a key that only shares the first byte; an old server may refuse it.
      await call(pair.cache, '\xffother').catch((error) => assert.ok(!badKey(error)))
    })
  }

  test("text that looks like the name of mintring's own item is an ordinary key", async () => {
    const policy = { ttl: 60, placeholder: 'sidecar' } as const
    const key = '\xff~refill~lock~k'
    const held = pair.cache.getOrSet('k', () => pair.cache.set(key, 'mine'), policy)
    assert.equal(await held, true)
    assert.equal(await pair.cache.get(key), 'mine')
  })
})

const bytes: Codec = {
  encode: (value) => ({ body: value as Buffer, flags: 1 }),
  decode: (_flags, body) => body.valueBuffer(),
}

function viewOf(cache: MemcachedClient, wireKey: string) {
  const keys: KeyMapping = { wireKey: () => wireKey, routeKey: (key) => key }
  return cache.view({ keys, codec: bytes })
}
