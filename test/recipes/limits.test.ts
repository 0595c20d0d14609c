import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import rateLimit from '@fastify/rate-limit'
import { serve as serveHono } from '@hono/node-server'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { rateLimiter, type Store } from 'hono-rate-limiter'
import { fastifyRateLimitStore } from '../../src/integrations/fastify-rate-limit.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { realCache } from '../adapters/support.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'

describe('rate limits of running applications', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  const statuses = async (urls: readonly string[], requests: number): Promise<number[]> => {
    const asked = Array.from({ length: requests }, (_, i) => fetch(urls[i % urls.length]!))
    return (await Promise.all(asked)).map((response) => response.status).sort()
  }
  const limited = [200, 200, 200, 429, 429, 429, 429]

  async function startFastify() {
    const app = Fastify()
    const store = fastifyRateLimitStore(real.cache, { prefix: 'booted-fastify:' })
    await app.register(rateLimit, { max: 3, timeWindow: '1 hour', store })
    app.get('/', () => 'ok')
    return { app, url: await app.listen({ port: 0, host: '127.0.0.1' }) }
  }

  test('@fastify/rate-limit passes exactly the limit in two processes together', async () => {
    const apps = [await startFastify(), await startFastify()]
    try {
      assert.deepEqual(
        await statuses(
          apps.map(({ url }) => url),
          7,
        ),
        limited,
      )
    } finally {
      for (const { app } of apps) await app.close()
    }
  })

  test('hono-rate-limiter passes exactly the limit', async () => {
    const app = new Hono()
    const store = new RateLimitStore(real.cache, { prefix: 'booted-hono:' })
    app.use(
      rateLimiter({
        windowMs: 3_600_000,
        limit: 3,
        keyGenerator: () => 'everybody',
        store: store as unknown as Store,
      }),
    )
    app.get('/', (context) => context.text('ok'))
    const port = await new Promise<number>((resolve) => {
      const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info) =>
        resolve(info.port),
      )
      server.unref()
    })
    assert.deepEqual(await statuses([`http://127.0.0.1:${port}/`], 7), limited)
  })
})
