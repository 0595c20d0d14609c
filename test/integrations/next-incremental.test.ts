import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMintringError } from '../../src/errors.ts'
import { packed, unpacked } from '../../src/integrations/next/pack.ts'
import { nextCacheHandler, nextIncrementalCache } from '../../src/integrations/next.ts'
import { connect, serve } from '../client/support.ts'

/** Long timeouts: on a busy machine reads are slow, and the handler turns a timeout into a miss. */
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 }

const HEADER = 'x-next-cache-tags'

function pageOf(tags: string, about: object = {}) {
  return {
    kind: 'APP_PAGE',
    html: '<p>hello',
    rscData: Buffer.from([0, 10, 255]),
    headers: { [HEADER]: tags, 'x-other': ['a', 'b'] },
    postponed: undefined,
    status: 200,
    segmentData: new Map([['/_tree', Buffer.from('tree')]]),
    ...about,
  }
}

function fetchOf(tags: readonly string[], revalidate: number | false = 60) {
  const data = { headers: {}, body: 'Ym9keQ==', url: 'http://a/', status: 200 }
  return { kind: 'FETCH', data, tags, revalidate }
}

describe('the encoding of Next.js cache entries', () => {
  const values: readonly unknown[] = [
    null,
    { value: null, lastModified: 5 },
    pageOf('a,b'),
    { revalidate: Number.POSITIVE_INFINITY, expire: Number.NEGATIVE_INFINITY },
    { deep: [new Map([['k', [Buffer.from('\n{}'), new Map()]]])], empty: Buffer.alloc(0) },
    { '~bytes': [0, 1], '~map': 1, nested: { '~object': [] } },
    { pageData: { text: 'ü\n', no: null, yes: true, nul: '\0' } },
    { large: Buffer.alloc(3_000_000, 7), after: Buffer.from('end') },
  ]
  test('restores an entry as it was', () => {
    for (const value of values) {
      const found = unpacked(packed(value))
      assert.deepEqual(
        JSON.parse(JSON.stringify({ found })),
        JSON.parse(JSON.stringify({ found: value })),
      )
      assert.deepEqual(found, dropped(value))
    }
  })

  test('restores undefined in arrays and Maps, where JSON would store null', () => {
    const none = { toJSON: () => undefined }
    const found = unpacked(packed({ list: [undefined, null, none], map: new Map([['a', none]]) }))
    const map = new Map([['a', undefined]])
    assert.deepEqual(found, { list: [undefined, null, undefined], map })
  })

  test('stores what toJSON returns, even the object itself', () => {
    const itself = Object.create({
      toJSON(this: unknown) {
        return this
      },
    })
    assert.deepEqual(unpacked(packed({ page: Object.assign(itself, { a: 1 }) })), {
      page: { a: 1 },
    })
  })

  test('restores Buffers and Maps', () => {
    const found = unpacked(packed(pageOf('a'))) as ReturnType<typeof pageOf>
    assert.ok(Buffer.isBuffer(found.rscData) && Buffer.isBuffer(found.segmentData.get('/_tree')))
  })
})

/** Removes the field `postponed`, which is undefined in the input and which JSON omits. */
function dropped(value: unknown): unknown {
  const { postponed: _, ...rest } = Object(value)
  return value !== null && 'postponed' in Object(value) ? rest : value
}

describe('the incremental cache of Next.js', () => {
  test('stores pages, routes, fetches and not-found pages for every instance', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const one = new (nextIncrementalCache(cache))()
    const two = new (nextIncrementalCache(connect(t, server.address, PATIENT)))()
    const cacheControl = { revalidate: 60, expire: 3600 }
    const route = { kind: 'APP_ROUTE', body: Buffer.from([1, 2]), headers: {}, status: 200 }
    await one.set('/a', pageOf('t'), { cacheControl })
    await one.set('/r', route, { cacheControl })
    await one.set('f', fetchOf(['t']), { fetchCache: true, tags: ['t'] })
    await one.set('/none', null, { cacheControl })
    const page = await two.get('/a', { kind: 'APP_PAGE' })
    assert.deepEqual(page?.value, dropped(pageOf('t')))
    assert.deepEqual(page?.cacheControl, cacheControl)
    assert.ok(Math.abs((page?.lastModified ?? 0) - Date.now()) < 5000)
    assert.deepEqual((await two.get('/r', { kind: 'APP_ROUTE' }))?.value, route)
    assert.deepEqual((await two.get('f', { kind: 'FETCH' }))?.value, fetchOf(['t']))
    assert.equal((await two.get('/none', { kind: 'APP_PAGE' }))?.value, null)
    assert.equal(await two.get('/other', { kind: 'APP_PAGE' }), null)
    two.resetRequestCache()
  })

  test('keeps an entry without an end until it is evicted, and others until they expire', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = new (nextIncrementalCache(cache, { prefix: 'n:' }))()
    const ttlOf = async (key: string) => (await cache.meta.mg(`n:e::${key}`, { t: true })).ttl
    await handler.set('/a', pageOf(''), { cacheControl: { revalidate: 60, expire: 3600 } })
    assert.equal(await ttlOf('/a'), 3600)
    for (const revalidate of [Number.POSITIVE_INFINITY, false] as const) {
      await handler.set('/b', pageOf(''), { cacheControl: { revalidate } })
      const found = await handler.get('/b', { kind: 'APP_PAGE' })
      assert.equal(found?.cacheControl?.revalidate, revalidate)
    }
  })

  test('drops pages, routes and fetches of a revalidated tag', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const one = new (nextIncrementalCache(cache))()
    const Two = nextIncrementalCache(connect(t, server.address, PATIENT))
    await one.set('/a', pageOf('news,_N_T_/a'))
    await one.set('/b', pageOf('sport,_N_T_/b'))
    await one.set('f', fetchOf(['news']), { fetchCache: true, tags: ['news'] })
    await one.set('g', fetchOf([]), { fetchCache: true })
    await sleep(2)
    await new Two().revalidateTag('news')
    assert.equal(await one.get('/a', { kind: 'APP_PAGE' }), null)
    assert.equal(await one.get('f', { kind: 'FETCH', tags: ['news'] }), null)
    assert.notEqual(await one.get('/b', { kind: 'APP_PAGE' }), null)
    await new Two().revalidateTag(['_N_T_/b', '_N_T_/c'])
    assert.equal(await one.get('/b', { kind: 'APP_PAGE' }), null)
    // The path of a fetch is known only from the softTags of its get().
    assert.notEqual(await one.get('g', { kind: 'FETCH', softTags: ['_N_T_/d'] }), null)
    assert.equal(await one.get('g', { kind: 'FETCH', softTags: ['_N_T_/c'] }), null)
    await sleep(2)
    const later = new Two()
    await later.set('/a', pageOf('news'))
    assert.notEqual(await one.get('/a', { kind: 'APP_PAGE' }), null)
  })

  test('returns entries of a stale tag with their age, so that Next.js renders them in the background', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = new (nextIncrementalCache(cache))()
    await handler.set('/a', pageOf('news'), { cacheControl: { revalidate: 60, expire: 3600 } })
    await handler.set('/ever', pageOf('news'), { cacheControl: { revalidate: false } })
    await sleep(2)
    await handler.revalidateTag('news', { expire: 100 })
    const found = await handler.get('/a', { kind: 'APP_PAGE' })
    const ageMs = Date.now() - (found?.lastModified ?? 0)
    assert.ok(ageMs > 60_000 && ageMs < 100_000, String(ageMs))
    assert.equal(await handler.get('/ever', { kind: 'APP_PAGE' }), null)
    await handler.revalidateTag('news', { expire: 0 })
    assert.equal(await handler.get('/a', { kind: 'APP_PAGE' }), null)
  })

  test('does not store a page rendered from data that was loaded before a revalidation', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const Handler = nextIncrementalCache(cache)
    const rendering = new Handler()
    assert.equal(await rendering.get('/a', { kind: 'APP_PAGE' }), null)
    await sleep(2)
    await new Handler().revalidateTag('news')
    await sleep(2)
    await rendering.set('/a', pageOf('news'))
    assert.equal(await new Handler().get('/a', { kind: 'APP_PAGE' }), null)
  })

  test('separates the pages of builds, and shares their fetches', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const Handler = nextIncrementalCache(cache)
    const folder = mkdtempSync(join(tmpdir(), 'mintring-next-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const [one, two] = ['one', 'two'].map((id) => {
      mkdirSync(join(folder, id, 'server'), { recursive: true })
      writeFileSync(join(folder, id, 'BUILD_ID'), `${id}\n`)
      return new Handler({ serverDistDir: join(folder, id, 'server') })
    })
    await one!.set('/a', pageOf(''))
    await one!.set('f', fetchOf([]), { fetchCache: true })
    assert.notEqual(await one!.get('/a', { kind: 'APP_PAGE' }), null)
    assert.equal(await two!.get('/a', { kind: 'APP_PAGE' }), null)
    assert.notEqual(await two!.get('f', { kind: 'FETCH' }), null)
  })

  test('rejects when an entry is too large, and stores it when large values are split', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const large = pageOf('', { html: 'x'.repeat(2_500_000) })
    const isTooLarge = (error: unknown): boolean =>
      isMintringError(error) && error.code === 'MINTRING_TOO_LARGE'
    await assert.rejects(new (nextIncrementalCache(cache))().set('/a', large), isTooLarge)
    const plural = nextCacheHandler(cache)
    const value = new Blob([Buffer.alloc(2_500_000, 1)]).stream()
    const entry = { value, tags: [], stale: 1, timestamp: Date.now(), expire: 9, revalidate: 9 }
    await assert.rejects(plural.set('k', Promise.resolve(entry)), isTooLarge)
    const splitting = connect(t, server.address, { largeValues: 'split' })
    const handler = new (nextIncrementalCache(splitting))()
    await handler.set('/a', large)
    assert.deepEqual((await handler.get('/a', { kind: 'APP_PAGE' }))?.value, dropped(large))
  })

  test('returns misses when memcached is down, and rejects a revalidation', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    await server.close()
    const handler = new (nextIncrementalCache(cache))()
    assert.equal(await handler.get('/a', { kind: 'APP_PAGE' }), null)
    await handler.set('/a', pageOf('news'))
    await assert.rejects(handler.revalidateTag('news'), isMintringError)
  })

  test('returns a miss for a value that something else stored', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = new (nextIncrementalCache(cache))()
    for (const foreign of ['text', 5, Buffer.from('no line'), Buffer.from('{"a":1}\nrest'), {}]) {
      await cache.set('next:e::/a', foreign)
      await cache.set('next:e:k', foreign)
      assert.equal(await handler.get('/a', { kind: 'APP_PAGE' }), null)
      assert.equal(await nextCacheHandler(cache).get('k'), undefined)
    }
  })

  test('throws for an argument that is no client and for invalid options', () => {
    const make = (client: unknown, options: unknown) => () =>
      nextIncrementalCache(client as never, options as never)
    assert.throws(make({}, {}), /nextIncrementalCache takes a MemcachedClient/)
    assert.throws(make(undefined, {}), isMintringError)
  })
})
