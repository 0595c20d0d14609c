import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import express from 'express'
import type { Store } from 'express-rate-limit'
import { rateLimit } from 'express-rate-limit'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache, serving } from './support.ts'

describe('express-rate-limit on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()
  let prefixes = 0

  function newApp(windowMs: number, store = newStore()) {
    const app = express()
    app.use(rateLimit({ windowMs, limit: 3, store: store as Store, standardHeaders: 'draft-6' }))
    app.get('/', (_request, response) => void response.send('ok'))
    return app
  }
  const newStore = () => new RateLimitStore(real.cache, { prefix: `rl${prefixes++}:` })

  const statuses = async (url: string, requests: number): Promise<number[]> => {
    const responses = await Promise.all(Array.from({ length: requests }, () => fetch(url)))
    return responses.map((response) => response.status).sort()
  }

  test('lets exactly the limit pass when many requests run at once', async () => {
    await serving(newApp(60_000), async (url) => {
      const expected = [...Array(3).fill(200), ...Array(7).fill(429)]
      assert.deepEqual(await statuses(url, 10), expected)
    })
  })

  test('counts the requests of all processes together', async () => {
    const store = newStore()
    const other = new RateLimitStore(real.cache, { prefix: store.prefix })
    await serving(newApp(60_000, store), (one) =>
      serving(newApp(60_000, other), async (two) => {
        const both = await Promise.all([statuses(one, 5), statuses(two, 5)])
        assert.equal(both.flat().filter((status) => status === 200).length, 3)
      }),
    )
  })

  test('reports when the window ends, and starts a new count after it', async () => {
    // memcached may expire an item up to one second early, so the test uses two.
    await serving(newApp(1_900), async (url) => {
      const response = await fetch(url)
      assert.equal(response.headers.get('ratelimit-remaining'), '2')
      assert.equal(response.headers.get('ratelimit-reset'), '2')
      assert.deepEqual(await statuses(url, 3), [200, 200, 429])
      await delay(3_100)
      assert.deepEqual(await statuses(url, 1), [200])
    })
  })
})
