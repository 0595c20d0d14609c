import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import rateLimit from '@fastify/rate-limit'
import { serve as serveHono } from '@hono/node-server'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { rateLimiter, type Store } from 'hono-rate-limiter'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { type RealCache, realCache } from '../adapters/support.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { serverKinds } from '../support/server-kinds.ts'

for (const [kind, start] of Object.entries(serverKinds)) {
  const options = { skip: skipWithoutMemcached() }
  describe(`rate limits of running applications on ${kind}`, options, () => {
    limits(realCache({}, start))
  })
}

function limits(real: RealCache): void {
  const statuses = async (urls: readonly string[], requests: number): Promise<number[]> => {
    const asked = Array.from({ length: requests }, (_, i) => fetch(urls[i % urls.length]!))
    return (await Promise.all(asked)).map((response) => response.status).sort()
  }
  const limited = [200, 200, 200, 429, 429, 429, 429]
  /** The statuses when two processes count separately: each lets three requests pass. */
  const apart = [200, 200, 200, 200, 200, 200, 429]

  async function startFastify(store: ReturnType<typeof fastifyRateLimitStore> | undefined) {
    const app = Fastify()
    await app.register(rateLimit, { max: 3, timeWindow: '1 hour', ...(store && { store }) })
    app.get('/', () => 'ok')
    return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
  }

  for (const [name, hasStore, expected] of [
    ['passes exactly the limit in two processes together', true, limited],
    ['passes twice the limit in two processes without the store', false, apart],
  ] as const) {
    test(`@fastify/rate-limit ${name}`, async () => {
      const store = fastifyRateLimitStore(real.cache, { prefix: 'booted-fastify:' })
      const start = () => startFastify(hasStore ? store : undefined)
      const apps = [await start(), await start()]
      const urls = apps.map(({ url }) => url)
      try {
        assert.deepEqual(await statuses(urls, 7), expected)
      } finally {
        for (const { app } of apps) await app.close()
      }
    })

    test(`hono-rate-limiter ${name}`, async () => {
      const start = () => startHono(hasStore)
      assert.deepEqual(await statuses([await start(), await start()], 7), expected)
    })
  }

  function startHono(hasStore: boolean): Promise<string> {
    const app = new Hono()
    const store = new RateLimitStore(real.cache, { prefix: 'booted-hono:' })
    const shared = hasStore ? { store: store as unknown as Store } : {}
    const keyGenerator = () => 'everybody'
    app.use(rateLimiter({ windowMs: 3_600_000, limit: 3, keyGenerator, ...shared }))
    app.get('/', (context) => context.text('ok'))
    return new Promise((resolve) => {
      const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
        resolve(`http://127.0.0.1:${port}/`),
      )
      server.unref()
    })
  }
}
