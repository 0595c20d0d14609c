import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { bentocacheDriver, MintringDriver } from '../../src/integrations/bentocache.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { nextCacheHandler } from '../../src/integrations/next.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { sessionStore } from '../../src/integrations/session.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'

// biome-ignore lint/suspicious/noExplicitAny: the calls are those that types would refuse
type Loose = any

/** Each adapter, made of a client and options; null where it takes no options. */
const ADAPTERS: Readonly<Record<string, (client: Loose, options?: Loose) => unknown>> = {
  KeyvMintring: (client, options) => new KeyvMintring(client, options),
  sessionStore: (client, options) => sessionStore(client, options),
  RateLimitStore: (client, options) => new RateLimitStore(client, options),
  unstorageDriver: (client, options) => unstorageDriver({ client, ...options }),
  bentocacheDriver: (client, options) => bentocacheDriver({ client, ...options }),
  nextCacheHandler: (client, options) => nextCacheHandler(client, options),
  ApolloCache: (client) => new ApolloCache(client),
}

describe('an adapter', () => {
  const client = new MemcachedClient('127.0.0.1:1')
  const bad = { name: 'MintringError', code: 'MINTRING_BAD_ARGUMENT' }

  for (const [name, make] of Object.entries(ADAPTERS)) {
    it(`${name} refuses what is no client`, () => {
      make(client)
      for (const wrong of ['127.0.0.1:11211', undefined, null, {}, 11211]) {
        assert.throws(() => make(wrong), {
          ...bad,
          message: new RegExp(`^${name} takes a Memcached`),
        })
      }
    })

    if (name === 'ApolloCache') continue
    it(`${name} refuses options it does not know`, () => {
      assert.throws(() => make(client, { prefx: 'a' }), bad)
      assert.throws(() => make(client, { secret: 'a' }), bad)
    })
  }

  it('refuses options that are no object', () => {
    for (const make of [KeyvMintring, RateLimitStore]) {
      assert.throws(() => new make(client, 60 as never), bad)
    }
    assert.throws(() => bentocacheDriver(undefined as never), bad)
    assert.throws(() => new MintringDriver({} as never), bad)
  })
})
