import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { isMintringError } from '../../src/errors.ts'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { bentocacheDriver, MintringDriver } from '../../src/integrations/bentocache.ts'
import { secondaryStorage } from '../../src/integrations/better-auth.ts'
import { Memcached } from '../../src/integrations/compat.ts'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { nextCacheHandler } from '../../src/integrations/next.ts'
import { instrument } from '../../src/integrations/otel.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { webPageCache } from '../../src/integrations/page-web.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { expressSessionStore, sessionStore } from '../../src/integrations/session.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'

// biome-ignore lint/suspicious/noExplicitAny: these calls are type errors on purpose
type Loose = any

/** How an adapter is constructed, and invalid values for each of its options. */
interface Adapter {
  /** The entry point that exports the adapter, without `mintring/`. */
  readonly door: string
  make(client: Loose, options?: Loose): unknown
  readonly wrong: Readonly<Record<string, readonly unknown[]>>
  /** The options that the adapter always needs. */
  readonly needed?: object
}

const TEXTS = [1, null, {}, [], true, () => 'a']
const AMOUNTS = [-1, Number.NaN, '5m', null, {}, []]

const ADAPTERS: Readonly<Record<string, Adapter>> = {
  KeyvMintring: {
    door: 'keyv',
    make: (client, options) => new KeyvMintring(client, options),
    wrong: { keyv: [3, 7, '6', null, {}] },
  },
  sessionStore: {
    door: 'session',
    make: (client, options) => sessionStore(client, options),
    wrong: { prefix: TEXTS, ttl: AMOUNTS },
  },
  RateLimitStore: {
    door: 'rate-limit',
    make: (client, options) => new RateLimitStore(client, options),
    wrong: { prefix: TEXTS },
  },
  fastifyRateLimitStore: {
    door: 'fastify-rate-limit',
    make: (client, options) => fastifyRateLimitStore(client, options),
    wrong: { prefix: TEXTS },
  },
  unstorageDriver: {
    door: 'unstorage',
    make: (client, options) => unstorageDriver(withClient(client, options)),
    wrong: { base: TEXTS, ttl: AMOUNTS },
  },
  bentocacheDriver: {
    door: 'bentocache',
    make: (client, options) => bentocacheDriver(withClient(client, options)),
    wrong: { prefix: TEXTS },
  },
  nextCacheHandler: {
    door: 'next',
    make: (client, options) => nextCacheHandler(client, options),
    wrong: { prefix: TEXTS },
  },
  secondaryStorage: {
    door: 'better-auth',
    make: (client, options) => secondaryStorage(client, options),
    wrong: { prefix: TEXTS },
  },
  ApolloCache: {
    door: 'apollo',
    make: (client, options) => new ApolloCache(client, options),
    wrong: {},
  },
  // test/integrations/page/options.test.ts has invalid values for every other option.
  pageCache: {
    door: 'page',
    make: (client, options) => pageCache(client, options),
    wrong: { prefix: [1, null], hosts: [null, 'a'] },
    needed: { ttl: 60 },
  },
  webPageCache: {
    door: 'page-web',
    make: (client, options) => webPageCache(client, options),
    wrong: { prefix: [1, null], hosts: [null, 'a'] },
    needed: { ttl: 60 },
  },
}

/** Adapters whose first argument is not a client: each has a test of its own below. */
const OTHERS = ['otel', 'metrics', 'compat']

const withClient = (client: unknown, options: object | undefined): Loose =>
  options === undefined || Object.getPrototypeOf(options) === Object.prototype
    ? { client, ...options }
    : options

const bad = { name: 'MintringError', code: 'MINTRING_BAD_ARGUMENT' }

describe('an integration', () => {
  // No server listens on port 1: invalid arguments are refused before any I/O.
  const client = new MemcachedClient('127.0.0.1:1')
  after(() => client.close({ drainMs: 0 }))

  it('is in the table of this test, or has a test of its own below', () => {
    const modules = readdirSync('src/integrations').filter((name) => name.endsWith('.ts'))
    const exported = Object.keys(JSON.parse(manifest()).exports).map((name) => name.slice(2))
    const doors = exported.filter((name) => modules.includes(`${name}.ts`))
    const known = [...Object.values(ADAPTERS).map(({ door }) => door), ...OTHERS]
    assert.deepEqual(doors.sort(), known.sort())
  })

  for (const [name, { make, wrong, needed }] of Object.entries(ADAPTERS)) {
    it(`${name} throws for an argument that is no client`, () => {
      make(client, needed)
      const compat = Object.assign(Object.create({ get() {} }), { set() {} })
      for (const given of ['127.0.0.1:11211', undefined, null, {}, 11211, new Map(), compat]) {
        const message = new RegExp(`^${name}(?:\\(\\))? takes a MemcachedClient.*, not `)
        assert.throws(() => make(given, needed), { ...bad, message })
      }
    })

    it(`${name} throws for unknown options`, () => {
      assert.throws(() => make(client, { ...needed, colour: 'red' }), bad)
      assert.throws(() => make(client, { ...needed, signal: 1 }), bad)
    })

    it(`${name} throws for options that are no object`, () => {
      for (const given of [60, 'app:', true, () => 1, [1], new Date(0), new Map([['ttl', 60]])]) {
        assert.throws(
          () => make(client, given),
          (error: unknown) => isMintringError(error) && !/callback/.test(error.message),
          `${name} took ${String(given)}`,
        )
      }
    })

    for (const [option, values] of Object.entries(wrong)) {
      it(`${name} throws for invalid values of ${option}, and names it`, () => {
        for (const value of values) {
          assert.throws(() => make(client, { ...needed, [option]: value }), {
            ...bad,
            message: new RegExp(`^${option} must be .*, not `),
          })
        }
      })

      it(`${name} suggests ${option} when it is misspelt`, () => {
        for (const misspelt of [`${option}s`, option.toUpperCase(), `${option}_`]) {
          assert.throws(() => make(client, { ...needed, [misspelt]: 'a' }), {
            ...bad,
            message: new RegExp(`Did you mean '${option}'|write \\{ ${option}: `),
          })
        }
      })
    }
  }

  it("the bentocache driver accepts bentocache's own settings, and checks its options", () => {
    new MintringDriver({ client, prefix: 'a', logger: {} } as never)
    assert.throws(() => new MintringDriver({} as never), bad)
    assert.throws(() => new MintringDriver({ client, prefix: 5 } as never), bad)
    assert.throws(() => bentocacheDriver(undefined as never), bad)
  })

  it('SessionStore for express-session checks its options in the constructor', () => {
    class Host {}
    const Store = expressSessionStore({ Store: Host })
    assert.throws(() => new Store(client, { prefx: 'a' } as never), bad)
    assert.throws(() => new Store('127.0.0.1' as never), bad)
    assert.throws(() => expressSessionStore({} as never), bad)
  })
})

describe('Metrics of mintring/metrics', () => {
  const client = new MemcachedClient('127.0.0.1:1')
  after(() => client.close({ drainMs: 0 }))

  it('throws for values that are not clients, and for one client without a list', () => {
    for (const given of [client, [client, {}], { pages: 'a' }, null, 'a', 1, [undefined]]) {
      assert.throws(() => new Metrics(given as never), {
        ...bad,
        message: /new Metrics\(\[cache\]/,
      })
    }
    for (const given of [[client], { pages: client }, new Set([client]), (function* () {})()]) {
      new Metrics(given as never).close()
    }
  })

  it('throws for an argument that is no registry', () => {
    const metrics = new Metrics([client])
    for (const given of [undefined, {}, 'a']) {
      assert.throws(() => metrics.register(given as never), bad)
    }
    metrics.close()
  })
})

describe('instrument of mintring/otel', () => {
  const otel: Loose = {
    trace: { getTracer: () => ({}), setSpan: () => ({}) },
    context: { active: () => ({}) },
    metrics: { getMeter: () => ({ createHistogram: () => ({}), createCounter: () => ({}) }) },
  }

  it('throws for an API of a wrong type and for invalid options', () => {
    instrument(otel)()
    for (const given of [undefined, {}, { trace: {} }]) {
      assert.throws(() => instrument(given as never), bad)
    }
    for (const options of [
      null,
      1,
      { traceProvider: otel.trace },
      { tracerProvider: {} },
      { meterProvider: () => 1 },
      { tracerProvider: 'global' },
    ]) {
      assert.throws(() => instrument(otel, options as never), bad)
    }
  })
})

describe('the Memcached class of mintring/compat', () => {
  it('ignores options that it does not know, like the package memcached', () => {
    const client = new Memcached('127.0.0.1:1', { colour: 'red' } as never)
    client.end()
  })
})

function manifest(): string {
  return readFileSync('package.json', 'utf8')
}
