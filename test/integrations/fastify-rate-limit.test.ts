import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type {
  FastifyRateLimitResult,
  FastifyRateLimitStore,
} from '../../src/integrations/fastify-rate-limit.ts'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { serve } from '../client/support.ts'

function hit(store: FastifyRateLimitStore, key: string, windowMs: number, max = 3) {
  return new Promise<FastifyRateLimitResult>((resolve, reject) => {
    store.incr(key, (error, result) => (error ? reject(error) : resolve(result!)), windowMs, max)
  })
}

function look(store: FastifyRateLimitStore, key: string, windowMs: number) {
  return new Promise<FastifyRateLimitResult>((resolve, reject) => {
    store.read(key, (error, result) => (error ? reject(error) : resolve(result!)), windowMs)
  })
}

const DAY_MS = 86_400_000
const KINDS = { 'meta commands': '1.6.18', 'classic commands': '1.5.22' }

for (const [name, version] of Object.entries(KINDS)) {
  describe(`the store for @fastify/rate-limit, by ${name}`, () => {
    test('counts every hit, and reads the count without a hit', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const store = new (fastifyRateLimitStore(cache))()
      assert.deepEqual(await look(store, 'ip', DAY_MS), { current: 0, ttl: 0 })
      const hits = await Promise.all(Array.from({ length: 20 }, () => hit(store, 'ip', DAY_MS)))
      const counts = hits.map(({ current }) => current).sort((one, two) => one - two)
      assert.deepEqual(
        counts,
        Array.from({ length: 20 }, (_, i) => i + 1),
      )
      const { current, ttl } = await look(store, 'ip', DAY_MS)
      assert.equal(current, 20)
      assert.ok(ttl > 0 && ttl <= DAY_MS)
    })

    test('counts in windows of 40 days', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const store = new (fastifyRateLimitStore(cache))()
      await hit(store, 'ip', 40 * DAY_MS)
      assert.equal((await hit(store, 'ip', 40 * DAY_MS)).current, 2)
    })

    test('counts each route separately, for all processes together', async (t) => {
      const { cache } = await serve(t, {}, { version })
      const [one, two] = [1, 2].map(() => new (fastifyRateLimitStore(cache))())
      const route = { routeInfo: { method: 'GET', url: '/login' } }
      await hit(one!, 'ip', DAY_MS)
      await hit(one!.child(route), 'ip', DAY_MS)
      assert.equal((await hit(two!.child(route), 'ip', DAY_MS)).current, 2)
      assert.equal((await hit(two!, 'ip', DAY_MS)).current, 2)
    })

    test('fails the request when the hit could not be counted', async (t) => {
      const { cache, server } = await serve(t, { retries: 0 }, { version })
      const store = new (fastifyRateLimitStore(cache))()
      await server.kill()
      await assert.rejects(hit(store, 'ip', DAY_MS), { name: 'MintringError' })
    })
  })
}

describe('the store for @fastify/rate-limit, over the limit', () => {
  test('starts a new window with every hit with continueExceeding', async (t) => {
    const { cache } = await serve(t)
    const store = new (fastifyRateLimitStore(cache))({ continueExceeding: true })
    await hit(store, 'ip', 10_000, 1)
    const { ttl } = await hit(store, 'ip', 60_000, 1)
    assert.equal(ttl, 60_000)
    assert.ok((await look(store, 'ip', 60_000)).ttl > 50_000)
  })

  test('doubles the window with every hit with exponentialBackoff', async (t) => {
    const { cache } = await serve(t)
    const store = new (fastifyRateLimitStore(cache))({ exponentialBackoff: true })
    const ttls: number[] = []
    for (let i = 0; i < 5; i++) ttls.push((await hit(store, 'ip', 10_000, 2)).ttl)
    assert.deepEqual(ttls.slice(2), [10_000, 20_000, 40_000])
  })
})
