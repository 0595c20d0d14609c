import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError } from '../../src/errors.ts'
import type { NextCacheEntry } from '../../src/integrations/next.ts'
import { nextCacheHandler } from '../../src/integrations/next.ts'
import { connect, serve } from '../client/support.ts'

/** Long timeouts: on a busy machine reads are slow, and the handler turns a timeout into a miss. */
const PATIENT = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 }

const BODY = Buffer.from([0, 10, 13, 255, 60, 62])

function entryOf(about: Partial<NextCacheEntry> = {}): NextCacheEntry {
  return {
    value: new Blob([BODY.subarray(0, 2), BODY.subarray(2)]).stream(),
    tags: [],
    stale: 30,
    timestamp: Date.now(),
    expire: 300,
    revalidate: 60,
    ...about,
  }
}

async function bodyOf(entry: NextCacheEntry | undefined): Promise<Buffer | undefined> {
  return entry && Buffer.from(await new Response(entry.value).arrayBuffer())
}

describe('the cache handler of Next.js', () => {
  test('stores an entry unchanged, for every instance of the app', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const given = entryOf({ tags: ['a', 'b'], timestamp: Date.now() - 5 })
    await nextCacheHandler(cache).set('key with [brackets]', Promise.resolve(given))
    const other = nextCacheHandler(connect(t, server.address, PATIENT))
    const found = await other.get('key with [brackets]', [])
    assert.deepEqual(await bodyOf(found), BODY)
    const { value: _, ...head } = given
    assert.deepEqual({ ...found, value: undefined }, { ...head, value: undefined })
    assert.equal(await other.get('another'), undefined)
  })

  test('keeps an entry until it expires, and returns a miss past revalidate', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache, { prefix: 'n:' })
    await handler.set('k', Promise.resolve(entryOf({ expire: 90 })))
    assert.equal((await cache.meta.mg('n:e:k', { t: true })).ttl, 90)
    const timestamp = Date.now() - 61_000
    await handler.set('k', Promise.resolve(entryOf({ timestamp })))
    assert.equal(await handler.get('k'), undefined)
    await handler.set('for ever', Promise.resolve(entryOf({ expire: 0xff_ff_ff_fe })))
    assert.deepEqual(await bodyOf(await handler.get('for ever')), BODY)
  })

  test('keeps an entry that never expires', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache)
    const revalidate = Number.POSITIVE_INFINITY
    await handler.set('k', Promise.resolve(entryOf({ revalidate, timestamp: Date.now() - 1e9 })))
    assert.equal((await handler.get('k'))?.revalidate, revalidate)
  })

  test('waits in get for a set that this process has begun', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache)
    let finish: (entry: NextCacheEntry) => void = () => {}
    const writing = handler.set('k', new Promise((resolve) => (finish = resolve)))
    const reading = handler.get('k')
    finish(entryOf())
    assert.deepEqual(await bodyOf(await reading), BODY)
    await writing
  })

  test('passes a failed render to its caller, and returns a miss to readers', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache)
    const writing = handler.set('k', Promise.reject(new Error('render failed')))
    const reading = handler.get('k')
    await assert.rejects(writing, /render failed/)
    assert.equal(await reading, undefined)
  })

  test('drops entries of a revalidated tag, for every instance', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const one = nextCacheHandler(cache)
    const two = nextCacheHandler(connect(t, server.address, PATIENT))
    const timestamp = Date.now() - 10
    await one.set('tagged', Promise.resolve(entryOf({ tags: ['news'], timestamp })))
    await one.set('other', Promise.resolve(entryOf({ tags: ['sport'], timestamp })))
    assert.equal(await two.getExpiration(['news', 'never seen']), 0)
    await two.updateTags(['news'])
    assert.equal(await one.get('tagged'), undefined)
    assert.notEqual(await one.get('other'), undefined)
    assert.ok(Math.abs((await one.getExpiration(['news'])) - Date.now()) < 5000)
    await one.refreshTags()
    await one.set('tagged', Promise.resolve(entryOf({ tags: ['news'], timestamp: Date.now() + 1 })))
    assert.notEqual(await two.get('tagged'), undefined)
  })

  test('returns entries of a stale tag once more, while they are rendered again', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache)
    const timestamp = Date.now() - 10
    await handler.set('k', Promise.resolve(entryOf({ tags: ['news'], timestamp })))
    await handler.updateTags(['news'], { expire: 60 })
    assert.equal((await handler.get('k'))?.revalidate, -1)
    await handler.updateTags(['news'], { expire: 0 })
    assert.equal(await handler.get('k'), undefined)
  })

  test('drops entries of a revalidated tag that a process with a fast clock wrote', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const [one, other] = [
      nextCacheHandler(cache),
      nextCacheHandler(connect(t, server.address, PATIENT)),
    ]
    const ahead = () => entryOf({ tags: ['a'], timestamp: Date.now() + 900_000 })
    await one.set('k', Promise.resolve(ahead()))
    assert.equal((await other.get('k'))?.revalidate, 60)
    await other.updateTags(['a'], { expire: 3_600 })
    assert.equal((await one.get('k'))?.revalidate, -1)
    await one.set('k', Promise.resolve(ahead()))
    await other.updateTags(['a'])
    assert.equal(await one.get('k'), undefined)
  })

  test('returns an entry rendered after a process with a fast clock revalidated its tag', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    const [one, other] = [
      nextCacheHandler(cache),
      nextCacheHandler(connect(t, server.address, PATIENT)),
    ]
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 900_000 })
    await other.updateTags(['a'])
    t.mock.timers.reset()
    // Set twice: the first set reads the tag's version, so the second one is known to be newer.
    for (let i = 0; i < 2; i++) await one.set('k', Promise.resolve(entryOf({ tags: ['a'] })))
    assert.equal((await one.get('k'))?.revalidate, 60)
    assert.equal((await other.get('k'))?.revalidate, 60)
  })

  test('does not return an entry whose tag memcached evicted', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const handler = nextCacheHandler(cache)
    await handler.set('k', Promise.resolve(entryOf({ tags: ['news'], timestamp: Date.now() - 9 })))
    await handler.updateTags(['news'])
    await cache.delete('next:t:news')
    assert.equal(await handler.get('k'), undefined)
  })

  test('returns misses when memcached is down, and rejects a revalidation', async (t) => {
    const { cache, server } = await serve(t, PATIENT)
    await server.close()
    const handler = nextCacheHandler(cache)
    assert.equal(await handler.get('k'), undefined)
    await handler.set('k', Promise.resolve(entryOf()))
    assert.ok((await handler.getExpiration(['a'])) > Date.now() - 10_000)
    await assert.rejects(handler.updateTags(['a']), isMintringError)
  })
})
