import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { MetaCommands } from '../../../src/client/verbs/meta.ts'
import { ClientView } from '../../../src/client/view.ts'
import { ApolloCache } from '../../../src/integrations/apollo.ts'
import { MintringDriver } from '../../../src/integrations/bentocache.ts'
import { secondaryStorage } from '../../../src/integrations/better-auth.ts'
import { KeyvMintring } from '../../../src/integrations/keyv.ts'
import { nextCacheHandler } from '../../../src/integrations/next.ts'
import { RateLimitStore } from '../../../src/integrations/rate-limit.ts'
import { unstorageDriver } from '../../../src/integrations/unstorage.ts'
import { type Loose, load, type Mistake, refuse } from './support.ts'

const BAD = 'MINTRING_BAD_ARGUMENT'
const NO_CALLBACK =
  'returns a promise and calls no callback: await it, or use mintring/compat for callbacks'

/** How many arguments each verb takes, counted by hand from docs/commands.md and the signatures. */
const VERBS: Readonly<Record<string, number>> = {
  get: 2,
  gets: 2,
  gat: 3,
  gats: 3,
  getMany: 2,
  getManyDetailed: 2,
  set: 3,
  add: 3,
  replace: 3,
  append: 3,
  prepend: 3,
  cas: 4,
  setMany: 2,
  deleteMany: 2,
  incr: 3,
  decr: 3,
  delete: 2,
  touch: 3,
  warm: 3,
  warmFromPrevious: 1,
  getOrSet: 3,
  getOrSetEntry: 3,
  getOrSetMany: 3,
  refresh: 3,
  invalidate: 2,
  invalidateTags: 2,
  tagVersions: 2,
  discover: 1,
  close: 1,
  flushAll: 1,
  version: 1,
  stats: 2,
  verbosity: 2,
  cacheMemlimit: 2,
  slabs: 2,
  lru: 2,
  lruCrawler: 2,
  shutdown: 2,
}
const THROWING: Readonly<Record<string, number>> = {
  configure: 1,
  setServers: 2,
  hosts: 0,
  locate: 1,
  on: 2,
  off: 2,
  view: 1,
  metadump: 1,
  mgdump: 1,
  watch: 2,
}
const META = { mg: 3, ms: 4, md: 3, ma: 3, mn: 2, me: 2 }
const VIEW = {
  ...{ get: 2, getManyDetailed: 2, set: 3, cas: 4, incr: 3, delete: 2 },
  ...{ getOrSet: 3, getOrSetEntry: 3 },
}

const MISTAKES: readonly Mistake[] = [
  [
    "set('k', 1, { ttl: 1 }, callback)",
    (c) => c.set('k', 1, { ttl: 1 }, load),
    BAD,
    `set() ${NO_CALLBACK}`,
  ],
  ["get('k', {}, callback)", (c) => c.get('k', {}, load), BAD, `get() ${NO_CALLBACK}`],
  [
    "get('k', undefined, callback)",
    (c) => c.get('k', undefined, load),
    BAD,
    `get() ${NO_CALLBACK}`,
  ],
  [
    "set('k', 1, { ttl: 1 }, { timeoutMs: 5 })",
    (c) => c.set('k', 1, { ttl: 1 }, { timeoutMs: 5 }),
    BAD,
    'set() takes 3 arguments: remove the 4th, an object',
  ],
  [
    "getMany('a', 'b', 'c')",
    (c) => c.getMany('a', 'b', 'c'),
    BAD,
    "getMany() takes its keys as one array: getMany(['a', 'b'])",
  ],
  [
    'hosts(callback)',
    (c) => c.hosts(load),
    BAD,
    'hosts() takes no arguments: remove the 1st, a function',
  ],
  [
    'metadump(callback)',
    (c) => c.metadump(load).next(),
    BAD,
    'metadump() is read by for await (const one of …) and calls no callback',
  ],
  [
    "raw('k', 'mg', 'k', 'v', callback)",
    (c) => c.raw('k', 'mg', 'k', 'v', load),
    BAD,
    `raw() ${NO_CALLBACK}`,
  ],
]

describe('arguments after the last one that a verb takes are refused before any I/O', () => {
  refuse(MISTAKES)

  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  const view = cache.view({
    keys: { wireKey: String, routeKey: String },
    codec: { encode: String, decode: String },
  })
  const behind = (count: number): unknown[] => [...Array(count).fill(undefined), load]

  it('the table of this test has every public verb', () => {
    const others = ['constructor', 'toJSON', 'raw', 'define', 'id', 'behaviors', 'closed']
    const known = [
      ...others,
      'forgivenErrors',
      'handover',
      'meta',
      'refillCounters',
      ...names(VERBS),
      ...names(THROWING),
    ]
    const all = Object.getOwnPropertyNames(MemcachedClient.prototype)
    const found = all.filter((name) => !name.startsWith('_'))
    assert.deepEqual(found.sort(), known.sort())
  })

  for (const [owner, target, counts] of [
    ['', cache, VERBS],
    ['meta.', cache.meta, META],
    ['view.', view, VIEW],
  ] as const) {
    for (const [verb, count] of Object.entries(counts)) {
      it(`${owner}${verb}() rejects a callback after its last argument`, async () => {
        const call = target[verb](...behind(count))
        await assert.rejects(call, { code: BAD, message: `${verb}() ${NO_CALLBACK}` })
      })
    }
  }

  for (const [verb, count] of Object.entries(THROWING)) {
    it(`${verb}() throws for a callback after its last argument`, () => {
      assert.throws(() => cache[verb](...behind(count)), { code: BAD })
    })
  }

  for (const [verb, count] of Object.entries({ ...VERBS, ...THROWING, define: 1 })) {
    it(`${verb}() refuses a number after its last argument`, async () => {
      const first = verb === 'define' ? [{ key: 'k', loader: load, ttl: 5 }] : Array(count)
      const call = async (): Promise<unknown> => cache[verb](...first, 5)
      await assert.rejects(call, { code: BAD, message: /: remove the .*, a number$/ })
    })
  }

  it('undefined after the last argument is ignored', async () => {
    assert.equal(cache.hosts(undefined).length, 1)
    await assert.rejects(cache.get('k', undefined, undefined), { code: 'MINTRING_CONNECTION' })
  })

  it('JSON.stringify of an object that holds a client still works', () => {
    assert.match(JSON.stringify({ cache }), /127\.0\.0\.1:1/)
  })

  it('a subclass may override a verb, and verbs keep their function names', async () => {
    class Own extends MemcachedClient {
      override async delete(key: string): Promise<boolean> {
        return key === 'mine' || super.delete(key)
      }
    }
    const own: Loose = new Own('127.0.0.1:1')
    assert.equal(await own.delete('mine', {}, load), true)
    assert.equal(own.add.name, 'add')
    assert.equal(MetaCommands.prototype.mg.length, 3)
    assert.equal(ClientView.prototype.touch.name, 'touch')
    await own.close({ drainMs: 0 })
  })
})

describe('a callback after the last argument of an adapter is refused', () => {
  const client = new MemcachedClient('127.0.0.1:1')
  const adapters: Readonly<Record<string, readonly [Loose, Readonly<Record<string, number>>]>> = {
    KeyvMintring: [new KeyvMintring(client), { get: 1, set: 3, delete: 1, getMany: 1, clear: 0 }],
    RateLimitStore: [new RateLimitStore(client), { increment: 1, resetKey: 1, get: 1 }],
    ApolloCache: [new ApolloCache(client), { get: 1, set: 3, delete: 1 }],
    MintringDriver: [new MintringDriver({ client }), { get: 1, set: 3, pull: 1, clear: 0 }],
    secondaryStorage: [secondaryStorage(client), { get: 1, set: 3, increment: 2, getAndDelete: 1 }],
    unstorageDriver: [unstorageDriver({ client }), { getItem: 1, setItem: 3, removeItem: 1 }],
    nextCacheHandler: [nextCacheHandler(client), { get: 2, updateTags: 2 }],
  }

  for (const [name, [adapter, counts]] of Object.entries(adapters)) {
    for (const [verb, count] of Object.entries(counts)) {
      it(`${name}: ${verb}()`, async () => {
        const values = Array(count).fill('k')
        await assert.rejects(adapter[verb](...values, load), {
          code: BAD,
          message: `${verb}() ${NO_CALLBACK}`,
        })
      })
    }
  }
})

const names = (table: Readonly<Record<string, number>>): string[] => Object.keys(table)
