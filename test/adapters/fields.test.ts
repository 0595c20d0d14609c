import assert from 'node:assert/strict'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import http from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fastifyCookie from '@fastify/cookie'
import cookieSession from 'cookie-session'
import express from 'express'
import session from 'express-session'
import express4 from 'express4'
import Fastify from 'fastify'
import helmet from 'helmet'
import Koa from 'koa'
import morgan from 'morgan'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { type PageCache, pageCache, type UncacheableReason } from '../../src/integrations/page.ts'
import { type Answer, isHit, type Site, siteOf } from '../integrations/page/site.ts'
import type { Middleware } from './middlewares.ts'

const HTML = 'text/html; charset=utf-8'
const COOKIE = { headers: { cookie: 'session=eyJ1c2VyIjoiYWRhIn0=; a=b' } }

/** The members used of an Express request, a Fastify request or a Koa context. */
interface Asked {
  readonly raw?: IncomingMessage
  readonly req?: IncomingMessage
  readonly ip: string
  readonly ips: readonly string[]
  readonly protocol: string
  readonly hostname: string
  readonly socket: IncomingMessage['socket']
}
type Page = (asked: Asked) => unknown
interface Surroundings {
  readonly pages: PageCache
  readonly page: Page
  readonly trusts: boolean
  readonly before?: Middleware
  readonly after?: Middleware
}

function expressServer(make: typeof express, around: Surroundings): Server {
  const { pages, page, trusts, before, after } = around
  const app = make().set('trust proxy', trusts)
  if (before !== undefined) app.use(before as never)
  app.use(pages)
  if (after !== undefined) app.use(after as never)
  app.use((request, response) => void response.send(`<p>${page(request as never)}`))
  return http.createServer(app as unknown as RequestListener)
}

const frameworks: Readonly<Record<string, (around: Surroundings) => Promise<Server>>> = {
  'express 4': async (around) => expressServer(express4 as never, around),
  'express 5': async (around) => expressServer(express, around),
  async Fastify({ pages, page, trusts, before, after }) {
    const app = Fastify({ trustProxy: trusts })
    const use = (each: Middleware | undefined): void => {
      if (each === undefined) return
      app.addHook('onRequest', ({ raw }, reply, done) => each(raw, reply.raw, () => done()))
    }
    use(before)
    app.addHook('onRequest', pages.onRequest)
    use(after)
    app.get('/*', (request, reply) => reply.type(HTML).send(`<p>${page(request as never)}`))
    await app.ready()
    return app.server
  },
  async Koa({ pages, page, trusts, before, after }) {
    const app = new Koa({ proxy: trusts })
    const use = (each: Middleware | undefined): void => {
      if (each === undefined) return
      app.use(({ req, res }, next) => {
        return new Promise<void>((done) => each(req, res, () => done())).then(next)
      })
    }
    use(before)
    app.use(pages.koa)
    use(after)
    app.use((context) => {
      context.type = HTML
      context.status = 200
      context.body = `<p>${page(context as never)}`
    })
    return http.createServer(app.callback())
  },
}

interface Stage {
  readonly site: Site
  readonly told: (UncacheableReason | string | undefined)[]
}

async function stage(
  t: TestContext,
  framework: string,
  around: Omit<Surroundings, 'pages' | 'trusts'> & { readonly trusts?: boolean },
): Promise<Stage> {
  const server = await startServer()
  const cache = new MemcachedClient(server.address)
  const told: Stage['told'] = []
  const pages = pageCache(cache, {
    ttl: 60,
    onUncacheable: (reason, _address, field) => told.push(reason, field),
  })
  const site = await siteOf(await frameworks[framework]!({ trusts: false, ...around, pages }))
  t.after(async () => {
    await site.close()
    await cache.close()
    await server.close()
  })
  return { site, told }
}

/** Requests a page until it comes out of the cache. */
async function assertStored({ site, told }: Stage, headers = {}): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    const answer = await site.ask('/a', { headers })
    if (isHit(answer)) return answer
    assert.ok(tries < 20, `never stored: ${told}`)
    await sleep(5)
  }
}

const visitorsOwn: Readonly<Record<string, readonly [field: string, page: Page]>> = {
  'the address of the visitor': ['remoteAddress', ({ ip }) => ip],
  'the addresses of the proxies': ['remoteAddress', ({ ips }) => ips?.length],
  'the port of the visitor': ['remotePort', ({ socket }) => socket.remotePort],
  'the version of HTTP': [
    'httpVersion',
    (asked) => (asked.raw ?? asked.req ?? (asked as never as IncomingMessage)).httpVersion,
  ],
}

for (const framework of Object.keys(frameworks)) {
  describe(`a page cache in ${framework}`, () => {
    for (const [name, [field, page]] of Object.entries(visitorsOwn)) {
      for (const trusts of [false, true]) {
        test(`does not share a page made of ${name}, trusting ${trusts ? '' : 'no '}proxies`, async (t) => {
          const { site, told } = await stage(t, framework, { page, trusts })
          const forwarded = { headers: { 'x-forwarded-for': '203.0.113.7' } }
          await site.ask('/a', forwarded)
          // Some versions of Fastify have no `ips` when no proxy is trusted.
          if (framework === 'Fastify' && name.includes('proxies') && !trusts) return
          assert.deepEqual(told.slice(0, 2), ['request fields', field])
          assert.ok(!isHit(await site.ask('/a')))
        })
      }
    }

    test('shares a page made of what is in the key, trusting proxies', async (t) => {
      const page: Page = ({ protocol, hostname }) => `${protocol}://${hostname}`
      const made = await stage(t, framework, { page, trusts: true })
      const headers = { 'x-forwarded-host': 'other.example', 'x-forwarded-proto': 'https' }
      const answer = await assertStored(made, headers)
      assert.equal(answer.body.toString(), '<p>https://other.example')
    })

    const loggers: Readonly<Record<string, () => Middleware>> = {
      morgan: () => morgan('combined', { stream: { write: () => {} } }) as Middleware,
      helmet: () => helmet() as Middleware,
    }
    for (const [name, make] of Object.entries(loggers)) {
      test(`shares a page when ${name} runs after the page cache`, async (t) => {
        await assertStored(await stage(t, framework, { page: () => 'hello', after: make() }))
      })
    }

    const sessions: Readonly<Record<string, () => Middleware>> = {
      'express-session': () =>
        session({ secret: 'a', resave: false, saveUninitialized: false }) as never,
      'cookie-session': () => cookieSession({ name: 'session', signed: false }) as never,
    }
    for (const [name, make] of Object.entries(sessions)) {
      const page: Page = (asked) => {
        const request = asked.raw ?? asked.req ?? asked
        return `hello ${Reflect.get(request, 'session').user ?? 'all'}`
      }
      test(`does not share a page made of the session of ${name}, which runs before the page cache`, async (t) => {
        const { site, told } = await stage(t, framework, { page, before: make() })
        await site.ask('/a')
        assert.deepEqual(told, ['request fields', 'session'])
      })

      test(`shares a page that does not use ${name}, which runs before the page cache`, async (t) => {
        await assertStored(await stage(t, framework, { page: () => 'hello', before: make() }))
      })
    }
  })
}

test('a page cache in Fastify does not share a page made of cookies that were parsed before it', async (t) => {
  const server = await startServer()
  const cache = new MemcachedClient(server.address)
  const told: unknown[] = []
  const pages = pageCache(cache, { ttl: 60, onUncacheable: (...all) => told.push(all[0], all[2]) })
  const app = Fastify()
  await app.register(fastifyCookie, { secret: 'a' })
  app.addHook('onRequest', pages.onRequest)
  app.get('/*', (request, reply) =>
    reply.header('cache-control', 'public, max-age=60').type(HTML).send(`<p>${request.cookies.a}`),
  )
  await app.ready()
  const site = await siteOf(app.server)
  t.after(async () => {
    await site.close()
    await cache.close()
    await server.close()
  })
  assert.equal((await site.ask('/a', COOKIE)).body.toString(), '<p>b')
  assert.equal((await site.ask('/a')).body.toString(), '<p>undefined')
  assert.deepEqual(told.slice(0, 2), ['request fields', 'cookies'])
})

test('a page cache in Koa does not share a page made of a signed cookie', async (t) => {
  const page: Page = (asked) => {
    const context = asked as never as Koa.Context
    context.app.keys = ['a']
    context.set('Cache-Control', 'public, max-age=60')
    return context.cookies.get('a', { signed: false })
  }
  const { site, told } = await stage(t, 'Koa', { page })
  assert.equal((await site.ask('/a', COOKIE)).body.toString(), '<p>b')
  assert.deepEqual(told, ['cookie', 'cookie'])
})
