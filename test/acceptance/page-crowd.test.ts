import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { type Answer, isHit, type Site, siteOf } from '../integrations/page/site.ts'
import { skipWithoutMeta, startMemcached } from '../support/memcached.ts'

/* The use case of a page cache: many visitors of one page whose application returns 503 for 3 s. */
const VISITORS = 5000
const DOWN_MS = 3000
/** All visitors arrive within this time. */
const ARRIVAL_MS = 2500
/**
 * The most calls of the application: 17 (a retry and MAX_PASSES) in each of five periods, at first
 * and after each of the back-offs of 250, 500, 1,000 and 2,000 ms.
 */
const MOST_CALLS = 17 * 5

interface Stage {
  readonly site: Site
  readonly cache: MemcachedClient
  /** How many requests reached the application while it failed. */
  failures: number
  isDown: boolean
}

async function stage(t: TestContext): Promise<Stage> {
  const memcached = await startMemcached()
  const cache = new MemcachedClient(`127.0.0.1:${memcached.port}`)
  const pages = pageCache(cache, { ttl: 60, staleWhileRevalidate: 600 })
  const render = (response: ServerResponse): void => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    if (made.isDown) {
      made.failures++
      response.statusCode = 503
    }
    response.end(made.isDown ? 'down' : 'hello')
  }
  const server = http.createServer((request, response) => {
    pages(request, response, () => render(response))
  })
  // All visitors may connect before the server accepts the first of them.
  server.listen({ port: 0, host: '127.0.0.1', backlog: VISITORS })
  await once(server, 'listening')
  const site = await siteOf(server)
  const made: Stage = { site, cache, failures: 0, isDown: false }
  t.after(async () => {
    await site.close()
    await cache.close()
    await memcached.kill()
  })
  return made
}

/** Sends all visitors while the application fails; it works again after DOWN_MS. */
async function crowd(made: Stage): Promise<Answer[]> {
  made.isDown = true
  const up = setTimeout(() => {
    made.isDown = false
  }, DOWN_MS)
  const asked = Array.from({ length: VISITORS }, async (_, i) => {
    await sleep((i * ARRIVAL_MS) / VISITORS)
    return made.site.ask('/')
  })
  const answers = await Promise.all(asked)
  clearTimeout(up)
  return answers
}

describe('5,000 visitors of a page whose application fails', {
  skip: skipWithoutMeta(),
}, () => {
  test('get the stale page, and one request per back-off reaches the application', async (t) => {
    const made = await stage(t)
    while (!isHit(await made.site.ask('/'))) await sleep(5)
    await made.cache.meta.md('example.com/', { I: true, T: 600 })
    const answers = await crowd(made)
    const served = answers.filter((answer) => isHit(answer) && answer.body.toString() === 'hello')
    // At most two visitors get the application's error: those whose requests call it again.
    assert.ok(served.length >= VISITORS - 2, `${served.length} served`)
    assert.ok(made.failures <= 2, `${made.failures} calls`)
    t.diagnostic(`${made.failures} calls reached the application`)
  })

  test('all get a response without a stale page, and a bounded number reaches the application', async (t) => {
    const made = await stage(t)
    const answers = await crowd(made)
    assert.ok(answers.every(({ status }) => status === 200 || status === 503))
    assert.ok(made.failures <= MOST_CALLS, `${made.failures} calls`)
    t.diagnostic(`${made.failures} calls reached the application`)
    for (let tries = 0; !isHit(await made.site.ask('/')); tries++) {
      assert.ok(tries < 100, 'it never recovered')
      await sleep(50)
    }
  })
})
