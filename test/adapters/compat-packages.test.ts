import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import connectMemcached from 'connect-memcached'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import session from 'express-session'
import { MemcachedStore } from 'rate-limit-memcached'
import { RateLimiterMemcache } from 'rate-limiter-flexible'
import { behaviorsFrom } from '../../src/behaviors/behaviors-from.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { sessionStore } from '../../src/integrations/session.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { realCache, serving } from './support.ts'

const require = createRequire(import.meta.url)
const Memcached = require('memcached')

test('packages that require memcached get mintring in these tests', () => {
  const client = new Memcached('127.0.0.1:11211')
  assert.equal(typeof client.client.getOrSet, 'function')
  client.end()
  for (const name of ['connect-memcached', 'rate-limit-memcached']) {
    assert.equal(createRequire(require.resolve(name))('memcached'), Memcached)
  }
})

describe('connect-memcached, unchanged, on mintring/compat', {
  skip: skipWithoutMemcached(),
}, () => {
  const real = realCache({ valueFlags: 'memcached' })
  const Store = connectMemcached(session)

  function newApp(options: object) {
    const store = new Store({ hosts: [real.address], prefix: 'cm:', ...options })
    const app = express()
    app.use(session({ store, secret: 's', resave: false, saveUninitialized: false }))
    app.get('/', (request, response) => {
      const visit = request.session as unknown as { views?: number }
      visit.views = (visit.views ?? 0) + 1
      response.send(`${visit.views} ${request.sessionID}`)
    })
    app.get('/out', (request, response) => {
      request.session.destroy(() => void response.send('bye'))
    })
    return { app, store }
  }

  for (const [name, options] of Object.entries({
    'as it comes': {},
    'with encryption': { secret: 'SECRET of a good length: 42!' },
  })) {
    test(`stores and returns sessions, ${name}`, async () => {
      const { app, store } = newApp(options)
      assert.ok(store.client instanceof Memcached)
      await serving(app, async (url) => {
        const first = await fetch(url)
        const cookie = first.headers.getSetCookie()[0]?.split(';')[0] as string
        const [, id] = (await first.text()).split(' ')
        const headers = { cookie }
        assert.equal(await (await fetch(url, { headers })).text(), `2 ${id}`)
        assert.notEqual(await real.cache.get(`cm:${id}`), undefined)
        await (await fetch(`${url}/out`, { headers })).text()
        assert.equal(await real.cache.get(`cm:${id}`), undefined)
        assert.match(await (await fetch(url, { headers })).text(), /^1 /)
      })
      store.client.end()
    })
  }

  test('counts sessions and clears them', async () => {
    const { store } = newApp({})
    await new Promise((done) => store.set('x', { cookie: { maxAge: 5000 } }, done))
    const items = await new Promise((done) => store.length((_: unknown, all: unknown) => done(all)))
    assert.ok(Array.isArray(items))
    await new Promise((done) => store.clear(done))
    assert.equal(await real.cache.get('cm:x'), undefined)
    store.client.end()
  })
})

test('sessionStore reads the sessions that connect-memcached stored', async () => {
  const server = await startMemcached()
  const address = `${server.host}:${server.port}`
  const theirs = new (connectMemcached(session))({ client: new Memcached(address) })
  await new Promise((done) => theirs.set('id', { cookie: { maxAge: 60_000 }, user: 'Ada' }, done))
  theirs.client.end()
  const client = new MemcachedClient(address, behaviorsFrom.memcached({}))
  const ours = sessionStore(client, { prefix: '' })
  const found = await new Promise((done) => ours.get('id', (_, kept) => done(kept)))
  assert.deepEqual(found, { cookie: { maxAge: 60_000 }, user: 'Ada' })
  await client.close()
  await server.kill()
})

describe('rate-limit-memcached, unchanged, on mintring/compat', {
  skip: skipWithoutMemcached(),
}, () => {
  const real = realCache()

  test('limits requests, reports the reset time and resets keys', async () => {
    const store = new MemcachedStore({ locations: [real.address] })
    const app = express()
    app.use(rateLimit({ windowMs: 60_000, limit: 3, store: store as never }))
    app.get('/', (_request, response) => void response.send('ok'))
    await serving(app, async (url) => {
      const seen: number[] = []
      for (let i = 0; i < 5; i++) seen.push((await fetch(url)).status)
      assert.deepEqual(seen, [200, 200, 200, 429, 429])
    })
    const { totalHits, resetTime } = await store.increment('someone')
    assert.equal(totalHits, 1)
    assert.ok(Math.abs((resetTime?.getTime() ?? 0) - Date.now() - 60_000) < 2000)
    assert.equal((await store.increment('someone')).totalHits, 2)
    await store.decrement('someone')
    assert.equal((await store.increment('someone')).totalHits, 2)
    await store.resetKey('someone')
    assert.equal((await store.increment('someone')).totalHits, 1)
    store.client.end()
  })
})

describe('RateLimiterMemcache, unchanged, on mintring/compat', {
  skip: skipWithoutMemcached(),
}, () => {
  const real = realCache()

  async function limiting(
    options: object,
    use: (limiter: RateLimiterMemcache) => Promise<void>,
  ): Promise<void> {
    const storeClient = new Memcached(real.address)
    await use(new RateLimiterMemcache({ storeClient, ...options } as never))
    storeClient.end()
  }

  test('consumes points, and rejects when none are left', () =>
    limiting({ points: 2, duration: 5, keyPrefix: 'a' }, async (limiter) => {
      const first = await limiter.consume('k')
      assert.deepEqual([first.remainingPoints, first.consumedPoints], [1, 1])
      await limiter.consume('k')
      const refused = await limiter.consume('k').catch((result) => result)
      assert.equal(refused.remainingPoints, 0)
      assert.ok(refused.msBeforeNext > 0 && refused.msBeforeNext <= 5000)
    }))

  test('lets exactly the given number of points pass when many calls run at once', () =>
    limiting({ points: 3, duration: 5, keyPrefix: 'b' }, async (limiter) => {
      await limiter.consume('k')
      const all = await Promise.allSettled(Array.from({ length: 9 }, () => limiter.consume('k')))
      assert.equal(all.filter((one) => one.status === 'fulfilled').length, 2)
    }))

  test('applies penalties and rewards; a reward decrements', () =>
    limiting({ points: 5, duration: 5, keyPrefix: 'c' }, async (limiter) => {
      await limiter.consume('k')
      assert.equal((await limiter.penalty('k')).consumedPoints, 2)
      assert.equal((await limiter.reward('k')).consumedPoints, 1)
      assert.equal((await limiter.get('k'))?.consumedPoints, 1)
    }))

  test('blocks, sets and deletes keys, and returns null or false for absent ones', () =>
    limiting({ points: 1, duration: 5, keyPrefix: 'd' }, async (limiter) => {
      assert.equal(await limiter.get('k'), null)
      await limiter.block('k', 2)
      await assert.rejects(limiter.consume('k'))
      assert.equal(await limiter.delete('k'), true)
      assert.equal(await limiter.delete('k'), false)
      await limiter.set('k', 7, 10)
      const { consumedPoints, remainingPoints } = (await limiter.get('k')) ?? {}
      assert.deepEqual([consumedPoints, remainingPoints], [7, 0])
    }))

  test('forgets a key when the duration ends, and never when there is no duration', async () => {
    await limiting({ points: 1, duration: 1, keyPrefix: 'e' }, async (limiter) => {
      await limiter.consume('k')
      await delay(2100)
      assert.equal((await limiter.consume('k')).consumedPoints, 1)
    })
    await limiting({ points: 1, duration: 0, keyPrefix: 'f' }, async (limiter) => {
      assert.equal((await limiter.consume('k')).msBeforeNext, -1)
    })
  })
})
