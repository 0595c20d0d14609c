import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { type Loose, load } from './support.ts'

/** Every verb with options, with valid arguments before them. */
const VERBS: Readonly<Record<string, readonly unknown[]>> = {
  ...{ get: ['k'], gets: ['k'], gat: ['k', 5], gats: ['k', 5] },
  ...{ getMany: [['k']], getManyDetailed: [['k']], deleteMany: [['k']], setMany: [{ k: 1 }] },
  ...{ set: ['k', 1], add: ['k', 1], replace: ['k', 1], append: ['k', 'v'], prepend: ['k', 'v'] },
  ...{ cas: ['k', 1, 1n], incr: ['k', 1], decr: ['k', 1], delete: ['k'], touch: ['k', 5] },
  ...{ getOrSet: ['k', load], getOrSetEntry: ['k', load], getOrSetMany: [['k'], load] },
  ...{ refresh: ['k', load], invalidate: ['k'], invalidateTags: ['t'], tagVersions: ['t'] },
  ...{ warm: [['k'], load], flushAll: [], version: [], stats: ['items'], verbosity: [1] },
  ...{ cacheMemlimit: [64], slabs: [{ automove: 0 }], lru: [{ mode: 'flat' }] },
  ...{ lruCrawler: [{ enabled: true }], shutdown: ['127.0.0.1:1'], close: [], discover: [] },
  ...{ warmFromPrevious: [], raw: ['k', 'get', 'k'] },
}

/** Returns options whose traps or getters throw, new for each call. */
const UNREADABLE: Readonly<Record<string, () => object>> = {
  'a getter of signal that throws': () => {
    const get = (): never => {
      throw new TypeError('boom')
    }
    return Object.defineProperty({ ttl: 5 }, 'signal', { enumerable: true, get })
  },
  'a revoked Proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
}

const NO_OPTIONS: Readonly<Record<string, unknown>> = {
  null: null,
  'a promise': Promise.resolve({ ttl: 5 }),
  'a Date': new Date(),
  'a Map': new Map([['ttl', 5]]),
  'an Error': new Error('x'),
  'a symbol': Symbol('x'),
  'a bigint': 60n,
}

const BAD = /^MINTRING_BAD_(ARGUMENT|POLICY)$/

function attempt(make: () => unknown): Promise<Loose> {
  const answer = make()
  assert.ok(answer instanceof Promise, 'returns a promise')
  return answer.then(
    () => 'accepted',
    (error: unknown) => error,
  )
}

describe('what is no object of options is refused by every verb before any I/O', () => {
  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  for (const [verb, given] of Object.entries(VERBS)) {
    for (const [what, options] of Object.entries(NO_OPTIONS)) {
      // A word of a raw command may be a bigint; and without a policy there is no ttl.
      if (verb === 'raw' && typeof options === 'bigint') continue
      it(`${verb}(…, ${what}) rejects with MINTRING_BAD_ARGUMENT or _BAD_POLICY`, async () => {
        const error = await attempt(() => cache[verb](...given, options))
        assert.match(String(error.code), BAD, String(error))
        assert.equal(cache.hosts()[0].failures, 0)
      })
    }
  }
})

describe('options that cannot be read are refused by every verb with the cause', () => {
  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  for (const [verb, given] of Object.entries(VERBS)) {
    for (const [what, make] of Object.entries(UNREADABLE)) {
      it(`${verb}() with ${what} rejects`, async () => {
        const options = make()
        const error = await attempt(() => cache[verb](...given, options))
        assert.match(String(error.code), BAD, String(error))
        assert.equal(cache.hosts()[0].failures, 0)
      })
    }
  }
})

describe('what is no object of behaviors is refused', () => {
  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  const EXAMPLE = 'Behaviors must be an object, such as { retryTimeoutMs: 30_000 }, not'
  const INSTEAD = {
    'a promise': 'a Promise: await it first',
    'a Date': 'a Date',
    'a Map': 'a Map: write Object.fromEntries(map)',
    'an Error': 'an Error',
  }
  for (const [what, instead] of Object.entries(INSTEAD)) {
    it(`${what} is refused by the constructor and by configure()`, () => {
      const behaviors: Loose = NO_OPTIONS[what]
      const expected = { code: 'MINTRING_BAD_BEHAVIOR', message: `${EXAMPLE} ${instead}` }
      assert.throws(() => new MemcachedClient('a:1', behaviors), expected)
      assert.throws(() => cache.configure(behaviors), expected)
    })
  }
})
