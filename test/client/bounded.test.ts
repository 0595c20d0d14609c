import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { ClientView } from '../../src/client/view.ts'
import { connect, hanging, serve } from './support.ts'

/** What a verb of refills is called with: the limits of one caller. */
interface Limits {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Far longer than every limit in these tests, and far shorter than what the calls wait for. */
const LATE_MS = 10_000
const never = (): Promise<never> => new Promise(() => {})
const load = async (): Promise<number> => 1
const loadMany = async (): Promise<Map<string, number>> => new Map()
const ttl = 60

/** Resolves to the error code of a call that must end soon. */
async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, LATE_MS, 'still pending')
  })
  const code = call.then(
    () => 'fulfilled',
    (error: { readonly code?: string }) => error.code,
  )
  return Promise.race([code, late]).finally(() => clearTimeout(timer))
}

const codec = { encode: () => ({ body: 'x', flags: 0 }), decode: () => 1 }
const viewed = (cache: MemcachedClient): ClientView => cache.view({ keyPrefix: 'v:', codec })

const REFILLS: Readonly<Record<string, (cache: MemcachedClient, l: Limits) => Promise<unknown>>> = {
  getOrSet: (cache, limits) => cache.getOrSet('k', load, { ttl, ...limits }),
  getOrSetEntry: (cache, limits) => cache.getOrSetEntry('k', load, { ttl, ...limits }),
  getOrSetMany: (cache, limits) => cache.getOrSetMany(['k'], loadMany, { ttl, ...limits }),
  refresh: (cache, limits) => cache.refresh('k', load, { ttl, ...limits }),
  invalidate: (cache, limits) => cache.invalidate('k', limits),
  'invalidate of many': (cache, limits) => cache.invalidate(['k', 'l'], limits),
  invalidateTags: (cache, limits) => cache.invalidateTags(['t'], limits),
  tagVersions: (cache, limits) => cache.tagVersions(['t'], limits),
  'getOrSet of a view': (cache, limits) => viewed(cache).getOrSet('k', load, { ttl, ...limits }),
  'refresh of a view': (cache, limits) => viewed(cache).refresh('k', load, { ttl, ...limits }),
  'invalidate of a view': (cache, limits) => viewed(cache).invalidate('k', limits),
}

describe('A server that accepts connections and never replies', () => {
  for (const [verb, call] of Object.entries(REFILLS)) {
    it(`${verb} ends at the timeout of its caller`, async (context) => {
      const cache = await hanging(context)
      assert.equal(await codeOf(call(cache, { timeoutMs: 50 })), 'MINTRING_TIMEOUT')
    })

    it(`${verb} ends when the signal of its caller aborts`, async (context) => {
      const cache = await hanging(context)
      const abort = new AbortController()
      const code = codeOf(call(cache, { signal: abort.signal }))
      setImmediate(() => abort.abort())
      assert.equal(await code, 'MINTRING_ABORTED')
    })
  }
})

const VALUES: Readonly<Record<string, (cache: MemcachedClient) => Promise<unknown>>> = {
  set: (cache) => cache.set('k', {}),
  get: (cache) => cache.get('stored'),
  gets: (cache) => cache.gets('stored'),
  getMany: (cache) => cache.getMany(['stored']),
}

describe('A serializer that hangs', { concurrency: true }, () => {
  const serializer = { serialize: never, deserialize: never }
  const working = { serialize: JSON.stringify, deserialize: (): number => 1 }
  const withStored = async (context: TestContext): Promise<MemcachedClient> => {
    const { server, cache } = await serve(context, { serializer: working })
    await cache.set('stored', { a: 1 })
    await cache.set('text', 'plain')
    const behaviors = { requestTimeoutMs: 2_000, retries: 0, serializer }
    return connect(context, [server.address], behaviors)
  }
  for (const [verb, call] of Object.entries(VALUES)) {
    it(`ends ${verb} with the timeout of an operation`, async (context) => {
      const cache = await withStored(context)
      assert.equal(await codeOf(call(cache)), 'MINTRING_TIMEOUT')
    })
  }

  it('fails only the values that it holds up in getManyDetailed', async (context) => {
    const cache = await withStored(context)
    const found = await cache.getManyDetailed(['stored', 'text'])
    assert.equal(found.get('text'), 'plain')
    assert.equal(found.failed.get('stored')?.code, 'MINTRING_TIMEOUT')
  })
})
