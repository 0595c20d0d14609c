import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { MemcachedClient } from '../../src/client/client.ts'
import { ApolloCache } from '../../src/integrations/apollo.ts'
import { MintringDriver } from '../../src/integrations/bentocache.ts'
import { secondaryStorage } from '../../src/integrations/better-auth.ts'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { nextCacheHandler, nextIncrementalCache } from '../../src/integrations/next.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { webPageCache } from '../../src/integrations/page-web.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { sessionStore } from '../../src/integrations/session.ts'
import { unstorageDriver } from '../../src/integrations/unstorage.ts'
import { countKnocks, serve } from '../client/support.ts'

// biome-ignore lint/suspicious/noExplicitAny: these calls are type errors on purpose
type Loose = any

const ARGUMENT = 'MINTRING_BAD_ARGUMENT'
const KEY = 'MINTRING_BAD_KEY'
const TTL = 'MINTRING_BAD_TTL'
const VALUE = 'MINTRING_BAD_VALUE'

/** A call with invalid arguments, and the code of its error. */
type Row = readonly [call: string, code: string, run: (client: MemcachedClient) => unknown]

const sessions = (client: MemcachedClient): Loose => sessionStore(client)
const limits = (client: MemcachedClient): Loose => new RateLimitStore(client)
const fastify = (client: MemcachedClient): Loose => new (fastifyRateLimitStore(client))()
const ofMaxAge = (client: MemcachedClient, maxAge: unknown): unknown =>
  promisify(sessions(client).set)('a', { cookie: { maxAge } })
const auth = (client: MemcachedClient): Loose => secondaryStorage(client)
const apollo = (client: MemcachedClient): Loose => new ApolloCache(client)
const nitro = (client: MemcachedClient): Loose => unstorageDriver({ client })
const keyv = (client: MemcachedClient): Loose => new KeyvMintring(client)
const bento = (client: MemcachedClient): Loose => new MintringDriver({ client })
const next = (client: MemcachedClient): Loose => nextCacheHandler(client)
const pages = (client: MemcachedClient): Loose => new (nextIncrementalCache(client))()
const web = (client: MemcachedClient): Loose => webPageCache(client, { ttl: 60 })
const node = (client: MemcachedClient): Loose => pageCache(client, { ttl: 60 })
const ENTRY = { value: 'x', tags: [], stale: 1, timestamp: 1, expire: 1, revalidate: 1 }
const incr = (client: MemcachedClient, key: unknown, windowMs: unknown, max: unknown): unknown =>
  new Promise((resolve, reject) => {
    const done = (error: unknown): void => (error ? reject(error) : resolve(undefined))
    fastify(client).incr(key, done, windowMs, max)
  })

/** Calls that throw, because there is no callback that could receive the error. */
const THROWING: readonly Row[] = [
  ['session set(id, session, 5)', ARGUMENT, (c) => sessions(c).set('a', {}, 5)],
  ['session get(id)', ARGUMENT, (c) => sessions(c).get('a')],
  ['session get(id, {})', ARGUMENT, (c) => sessions(c).get('a', {})],
  ['session destroy(id, true)', ARGUMENT, (c) => sessions(c).destroy('a', true)],
  ["session touch(id, session, 'x')", ARGUMENT, (c) => sessions(c).touch('a', {}, 'x')],
  ['session all()', ARGUMENT, (c) => sessions(c).all()],
  ['session length(5)', ARGUMENT, (c) => sessions(c).length(5)],
  ['session clear(5)', ARGUMENT, (c) => sessions(c).clear(5)],
  ['session set(5) without a callback', ARGUMENT, (c) => sessions(c).set(5, {})],
  ['session destroy() without a callback', ARGUMENT, (c) => sessions(c).destroy()],
  ['session set of a bad maxAge, without a callback', TTL, (c) => sessions(c).set('a', maxAge())],
  ['fastify incr(key, 5)', ARGUMENT, (c) => fastify(c).incr('a', 5)],
  ['fastify incr(key)', ARGUMENT, (c) => fastify(c).incr('a')],
  ['fastify read(key, 5, 1000)', ARGUMENT, (c) => fastify(c).read('a', 5, 1000)],
  ['RateLimitStore init()', ARGUMENT, (c) => limits(c).init()],
  ['RateLimitStore init(null)', ARGUMENT, (c) => limits(c).init(null)],
  ['bentocache namespace(5)', ARGUMENT, (c) => bento(c).namespace(5)],
  ['bentocache namespace()', ARGUMENT, (c) => bento(c).namespace()],
  ['web pages wrap()', ARGUMENT, (c) => web(c).wrap()],
  ['web pages wrap(5)', ARGUMENT, (c) => web(c).wrap(5)],
  ['pages onRequest()', ARGUMENT, (c) => node(c).onRequest()],
  ['fastify child()', ARGUMENT, (c) => fastify(c).child()],
  ['pages()', ARGUMENT, (c) => node(c)()],
  ['pages({}, {}, 5)', ARGUMENT, (c) => node(c)({}, {}, 5)],
  ["RateLimitStore init({ windowMs: '1' })", ARGUMENT, (c) => limits(c).init({ windowMs: '1' })],
]

/** Calls that fail through their callback or their promise. */
const FAILING: readonly Row[] = [
  ['session set(id, undefined)', ARGUMENT, (c) => promisify(sessions(c).set)('a', undefined)],
  ['session set(id, null)', ARGUMENT, (c) => promisify(sessions(c).set)('a', null)],
  ['session set(id, 5)', ARGUMENT, (c) => promisify(sessions(c).set)('a', 5)],
  ['session set(id, [])', ARGUMENT, (c) => promisify(sessions(c).set)('a', [])],
  ['session set(5, session)', ARGUMENT, (c) => promisify(sessions(c).set)(5, {})],
  ['session get(undefined)', ARGUMENT, (c) => promisify(sessions(c).get)(undefined)],
  ['session destroy({})', ARGUMENT, (c) => promisify(sessions(c).destroy)({})],
  ['session touch(id, undefined)', ARGUMENT, (c) => promisify(sessions(c).touch)('a', undefined)],
  ['a session cookie with maxAge NaN', TTL, (c) => ofMaxAge(c, Number.NaN)],
  ["a session cookie with maxAge 'x'", TTL, (c) => ofMaxAge(c, 'x')],
  [
    'a session cookie with an invalid date',
    TTL,
    (c) => promisify(sessions(c).set)('a', { cookie: { expires: 'garbage' } }),
  ],
  [
    'a touch with an invalid date',
    TTL,
    (c) => promisify(sessions(c).touch)('a', { cookie: { expires: new Date(Number.NaN) } }),
  ],
  ['fastify incr(undefined)', ARGUMENT, (c) => incr(c, undefined, 1000, 5)],
  ["fastify incr with the window 'x'", ARGUMENT, (c) => incr(c, 'a', 'x', 5)],
  ['fastify incr with the window NaN', ARGUMENT, (c) => incr(c, 'a', Number.NaN, 5)],
  ['fastify incr with the maximum NaN', ARGUMENT, (c) => incr(c, 'a', 1000, Number.NaN)],
  ['RateLimitStore increment()', ARGUMENT, (c) => limits(c).increment()],
  ['RateLimitStore decrement(null)', ARGUMENT, (c) => limits(c).decrement(null)],
  ['RateLimitStore resetKey({})', ARGUMENT, (c) => limits(c).resetKey({})],
  ['Better Auth set(key, {})', ARGUMENT, (c) => auth(c).set('a', { a: 1 }, 60)],
  ['Better Auth set(key, 5)', ARGUMENT, (c) => auth(c).set('a', 5, 60)],
  ['Better Auth set(key)', ARGUMENT, (c) => auth(c).set('a')],
  ['Better Auth get(5)', KEY, (c) => auth(c).get(5)],
  ['Better Auth delete(null)', KEY, (c) => auth(c).delete(null)],
  ['Better Auth getAndDelete()', KEY, (c) => auth(c).getAndDelete()],
  ['Better Auth increment([])', KEY, (c) => auth(c).increment([], 60)],
  ['Apollo set(key, text, 60)', ARGUMENT, (c) => apollo(c).set('a', 'x', 60)],
  ['Apollo set(key, text, { ex: 5 })', ARGUMENT, (c) => apollo(c).set('a', 'x', { ex: 5 })],
  ['Apollo set(key, {})', ARGUMENT, (c) => apollo(c).set('a', {})],
  ['Apollo get(5)', KEY, (c) => apollo(c).get(5)],
  ['Apollo delete()', KEY, (c) => apollo(c).delete()],
  ['unstorage setItem(key, text, 60)', ARGUMENT, (c) => nitro(c).setItem('a', 'x', 60)],
  ['unstorage setItem(.., { ex: 5 })', ARGUMENT, (c) => nitro(c).setItem('a', 'x', { ex: 5 })],
  ['unstorage setItemRaw(key, text, 60)', ARGUMENT, (c) => nitro(c).setItemRaw('a', 'x', 60)],
  ["unstorage getItems('a')", ARGUMENT, (c) => nitro(c).getItems('a')],
  ['unstorage getItems([5])', ARGUMENT, (c) => nitro(c).getItems([5])],
  ['unstorage getItem(5)', KEY, (c) => nitro(c).getItem(5)],
  ['unstorage removeItem()', KEY, (c) => nitro(c).removeItem()],
  ['Keyv get(5)', KEY, (c) => keyv(c).get(5)],
  ['Keyv set(5, 1)', KEY, (c) => keyv(c).set(5, 1)],
  ["Keyv getMany('a')", ARGUMENT, (c) => keyv(c).getMany('a')],
  ["Keyv getMany(['a', 5])", KEY, (c) => keyv(c).getMany(['a', 5])],
  ["Keyv deleteMany('a')", ARGUMENT, (c) => keyv(c).deleteMany('a')],
  ['Keyv setMany({})', ARGUMENT, (c) => keyv(c).setMany({})],
  ["Keyv setMany([['a', 1]])", KEY, (c) => keyv(c).setMany([{ key: 'b', value: 1 }, ['a', 1]])],
  ['Keyv setMany with a bad ttl', TTL, (c) => keyv(c).setMany([{ key: 'a' }, { ...BAD_ITEM }])],
  ["bentocache getMany('a')", ARGUMENT, (c) => bento(c).getMany('a')],
  ['bentocache set(5)', KEY, (c) => bento(c).set(5)],
  ['bentocache set of a tag with a bad ttl', TTL, (c) => bento(c).set('___bc:t:a', '1', '5m')],
  ['Next.js get(5)', KEY, (c) => next(c).get(5)],
  ['Next.js set(key, 5)', ARGUMENT, (c) => next(c).set('a', 5)],
  ['Next.js set(key, a promise of {})', ARGUMENT, (c) => next(c).set('a', Promise.resolve({}))],
  ['Next.js set of a text as value', ARGUMENT, (c) => next(c).set('a', Promise.resolve(ENTRY))],
  ["Next.js updateTags('a')", ARGUMENT, (c) => next(c).updateTags('a')],
  ['Next.js updateTags([5])', ARGUMENT, (c) => next(c).updateTags([5])],
  ['Next.js updateTags(tags, 5)', ARGUMENT, (c) => next(c).updateTags(['a'], 5)],
  ['Next.js getExpiration()', ARGUMENT, (c) => next(c).getExpiration()],
  ['Next.js revalidateTag()', ARGUMENT, (c) => pages(c).revalidateTag()],
  ['Next.js revalidateTag(5)', ARGUMENT, (c) => pages(c).revalidateTag(5)],
  ['Next.js revalidateTag([5])', ARGUMENT, (c) => pages(c).revalidateTag([5])],
  [
    "Next.js revalidateTag(tag, { expire: 'x' })",
    ARGUMENT,
    (c) => pages(c).revalidateTag('a', { expire: 'x' }),
  ],
  ['Next.js set(key, a Map)', ARGUMENT, (c) => pages(c).set('a', new Map(), {})],
  ['Next.js set(key)', ARGUMENT, (c) => pages(c).set('a')],
  ['Next.js set of a Set', VALUE, (c) => pages(c).set('a', { kind: 'APP_ROUTE', body: new Set() })],
  ['Next.js set of an Error', VALUE, (c) => pages(c).set('a', { kind: 'PAGES', a: [Error('x')] })],
  ['Next.js set of a function', VALUE, (c) => pages(c).set('a', { kind: 'PAGES', a: () => 1 })],
  [
    'Next.js set of a promise',
    VALUE,
    (c) => pages(c).set('a', { kind: 'PAGES', a: Promise.resolve(1) }),
  ],
  [
    "Next.js set with revalidate 'x'",
    TTL,
    (c) => pages(c).set('a', { kind: 'FETCH', revalidate: 'x' }),
  ],
  [
    'Next.js set with the tag 5',
    ARGUMENT,
    (c) => pages(c).set('a', { kind: 'FETCH' }, { tags: [5] }),
  ],
  ['pages koa()', ARGUMENT, (c) => node(c).koa()],
  ['pages koa(context, 5)', ARGUMENT, (c) => node(c).koa({ req: {} }, 5)],
  ['web pages hono()', ARGUMENT, (c) => web(c).hono()],
  ['web pages hono(context)', ARGUMENT, (c) => web(c).hono({ req: {} })],
  ['web pages()', ARGUMENT, (c) => web(c)()],
  ['web pages(request)', ARGUMENT, (c) => web(c)(new Request('http://a/'))],
  [
    'web pages of a text as request',
    ARGUMENT,
    (c) => web(c).wrap(() => new Response('x'))('http://a/'),
  ],
]

const BAD_ITEM = { key: 'b', value: 1, ttl: 'x' }

function maxAge(): object {
  return { cookie: { maxAge: Number.NaN } }
}

describe('a call of an adapter with invalid arguments', () => {
  for (const [call, code, run] of THROWING) {
    it(`throws ${code} before any I/O: ${call}`, async (t) => {
      const { address, knocks } = await countKnocks(t)
      const client = new MemcachedClient(address)
      t.after(() => client.close({ drainMs: 0 }))
      assert.throws(() => run(client), { name: 'MintringError', code })
      assert.equal(knocks(), 0)
    })
  }

  for (const [call, code, run] of FAILING) {
    it(`fails with ${code} before any I/O: ${call}`, async (t) => {
      const { address, knocks } = await countKnocks(t)
      const client = new MemcachedClient(address)
      t.after(() => client.close({ drainMs: 0 }))
      await assert.rejects(async () => run(client), { name: 'MintringError', code })
      assert.equal(knocks(), 0)
    })
  }
})

describe('an entry of Next.js', () => {
  it('keeps Maps, bytes and dates as JSON has them, also from another realm', async (t) => {
    const { cache } = await serve(t)
    const at = new Date(0)
    const foreign = runInNewContext(
      "({ map: new Map([['a', Uint8Array.of(1)]]), plain: { b: 1 } })",
    )
    await pages(cache).set('a', { kind: 'PAGES', at, foreign, none: undefined })
    const { value } = await pages(cache).get('a', { kind: 'PAGES' })
    assert.equal(value.at, at.toJSON())
    assert.deepEqual(value.foreign, { map: new Map([['a', Buffer.of(1)]]), plain: { b: 1 } })
  })
})
