import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import express from 'express'
import session from 'express-session'
import fastify from 'fastify'
import { expressSessionStore, sessionStore } from '../../src/integrations/session.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { realCache, serving } from './support.ts'

const SECRET = 'a secret with at least thirty-two characters'

/** A browser that keeps one cookie. */
class Visitor {
  #cookie = ''

  async get(url: string): Promise<{ status: number; body: string }> {
    const response = await fetch(url, { headers: { cookie: this.#cookie } })
    const [given] = response.headers.getSetCookie()
    if (given !== undefined) this.#cookie = given.split(';')[0] as string
    return { status: response.status, body: await response.text() }
  }

  async text(url: string): Promise<string> {
    return (await this.get(url)).body
  }
}

describe('express-session on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  function newApp(cookie: session.CookieOptions = {}) {
    const Store = expressSessionStore(session)
    const app = express()
    const store = new Store(real.cache)
    app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie }))
    app.get('/count', (request, response) => {
      const visit = request.session as unknown as { views?: number }
      visit.views = (visit.views ?? 0) + 1
      response.send(String(visit.views))
    })
    app.get('/id', (request, response) => void response.send(request.sessionID))
    app.get('/logout', (request, response) => {
      request.session.destroy(() => response.send('bye'))
    })
    app.get('/login', (request, response) => {
      request.session.regenerate(() => {
        Object.assign(request.session, { views: 100 })
        response.send(request.sessionID)
      })
    })
    return app
  }

  test('returns a session to its visitor in every process, and to no other visitor', async () => {
    const one = new Visitor()
    const two = new Visitor()
    await serving(newApp(), async (url) => {
      assert.equal(await one.text(`${url}/count`), '1')
      assert.equal(await one.text(`${url}/count`), '2')
      assert.equal(await two.text(`${url}/count`), '1')
    })
    await serving(newApp(), async (url) => assert.equal(await one.text(`${url}/count`), '3'))
  })

  test('deletes a destroyed session, and moves a regenerated one', async () => {
    const visitor = new Visitor()
    await serving(newApp(), async (url) => {
      await visitor.text(`${url}/count`)
      const before = await visitor.text(`${url}/id`)
      const after = await visitor.text(`${url}/login`)
      assert.notEqual(after, before)
      assert.equal(await real.cache.get(`sess:${before}`), undefined)
      assert.equal(await visitor.text(`${url}/count`), '101')
      await visitor.text(`${url}/logout`)
      assert.equal(await visitor.text(`${url}/count`), '1')
    })
  })

  test('keeps a session as long as its cookie, counted from the last visit', async () => {
    const visitor = new Visitor()
    await serving(newApp({ maxAge: 10_000 }), async (url) => {
      await visitor.text(`${url}/count`)
      const key = `sess:${await visitor.text(`${url}/id`)}`
      await real.cache.touch(key, 3)
      await visitor.text(`${url}/id`)
      const { ttl = 0 } = await real.cache.meta.mg(key, { t: true })
      assert.ok(ttl > 8 && ttl <= 10, `${ttl}`)
    })
  })

  test('drops a session whose cookie has expired', async () => {
    const visitor = new Visitor()
    await serving(newApp({ maxAge: 1000 }), async (url) => {
      await visitor.text(`${url}/count`)
      await delay(2100)
      assert.equal(await visitor.text(`${url}/count`), '1')
    })
  })
})

describe('@fastify/session on mintring', { skip: skipWithoutMemcached() }, () => {
  const real = realCache()

  async function listening<Result>(use: (url: string) => Promise<Result>): Promise<Result> {
    const app = fastify()
    await app.register(fastifyCookie)
    await app.register(fastifySession, {
      secret: SECRET,
      cookie: { secure: false, maxAge: 60_000 },
      store: sessionStore(real.cache, { prefix: 'f:' }) as never,
    })
    app.get('/count', async (request) => {
      const visit = request.session as unknown as { views?: number }
      visit.views = (visit.views ?? 0) + 1
      return String(visit.views)
    })
    app.get('/id', async (request) => request.session.sessionId)
    app.get('/logout', async (request) => {
      await request.session.destroy()
      return 'bye'
    })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    try {
      return await use(url)
    } finally {
      await app.close()
    }
  }

  test('returns a session to its visitor in every process, and to no other visitor', async () => {
    const one = new Visitor()
    const two = new Visitor()
    await listening(async (url) => {
      assert.equal(await one.text(`${url}/count`), '1')
      assert.equal(await one.text(`${url}/count`), '2')
      assert.equal(await two.text(`${url}/count`), '1')
    })
    await listening(async (url) => assert.equal(await one.text(`${url}/count`), '3'))
  })

  test('deletes a destroyed session, and keeps others as long as their cookie', async () => {
    const visitor = new Visitor()
    await listening(async (url) => {
      await visitor.text(`${url}/count`)
      const key = `f:${await visitor.text(`${url}/id`)}`
      const { ttl = 0 } = await real.cache.meta.mg(key, { t: true })
      assert.ok(ttl > 50 && ttl <= 60, `${ttl}`)
      await visitor.text(`${url}/logout`)
      assert.equal(await real.cache.get(key), undefined)
      assert.equal(await visitor.text(`${url}/count`), '1')
    })
  })
})
