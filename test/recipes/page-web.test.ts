import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag } from 'hono/etag'
import { logger } from 'hono/logger'
import { secureHeaders } from 'hono/secure-headers'
import { stream } from 'hono/streaming'
import { MemcachedClient } from '../../src/client/client.ts'
import { type WebPageCache, webPageCache } from '../../src/integrations/page-web.ts'
import { type Claim, play, type Stage } from '../attacks/stage.ts'
import type { Trick } from '../attacks/trick.ts'
import { tricks } from '../attacks/tricks.ts'
import { type Answer, isHit, type Site, siteOf } from '../integrations/page/site.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { type CacheServer, serverKinds } from '../support/server-kinds.ts'

const HTML = 'text/html; charset=utf-8'

type Bindings = { readonly Bindings: { readonly incoming: IncomingMessage } }

/** A request of an attack, as an application of Hono sees it. */
function asIncoming(request: Request, env: Bindings['Bindings']): IncomingMessage {
  const { headers } = request
  const shown = new Proxy({} as IncomingHttpHeaders, {
    get: (_, name) => (typeof name === 'string' ? (headers.get(name) ?? undefined) : undefined),
    has: (_, name) => typeof name === 'string' && headers.has(name),
    ownKeys: () => [...headers.keys()],
    getOwnPropertyDescriptor: (_, name) => ({
      value: headers.get(String(name)),
      configurable: true,
      enumerable: true,
    }),
  })
  const { pathname, search } = new URL(request.url)
  return {
    headers: shown,
    url: pathname + search,
    get rawHeaders() {
      return [...headers].flat()
    },
    get socket() {
      return env.incoming.socket
    },
    get httpVersion() {
      return env.incoming.httpVersion
    },
  } as IncomingMessage
}

/** A site of careless applications on Hono. */
function carelessHono(
  tricks: readonly Trick[],
  claim: Claim,
  pages: WebPageCache,
  way: Way,
): Server {
  const app = new Hono<Bindings>()
  if (way === 'hono') app.use(pages.hono as never)
  app.all('*', async (context) => {
    const { raw } = context.req
    const incoming = asIncoming(raw, context.env)
    const index = /trick(\d+)/i.exec(`${new URL(raw.url).host} ${incoming.url}`)?.[1]
    const body = raw.body === null ? '' : await raw.text()
    const text = tricks[Number(index)]?.careless(incoming, body)
    if (claim !== 'nothing') context.header('Cache-Control', claim)
    context.header('Content-Type', HTML)
    return context.body(`<p>${text ?? 'no such site'}`)
  })
  return served(app, pages, way)
}

type Way = 'hono' | 'wrap'

function served(app: Hono<Bindings>, pages: WebPageCache, way: Way): Server {
  const fetch = way === 'wrap' ? pages.wrap(app.fetch as never) : app.fetch
  return serve({ fetch: fetch as never, port: 0, hostname: '127.0.0.1' }) as Server
}

interface Made {
  readonly cache: MemcachedClient
  readonly pages: WebPageCache
  /** The reasons why pages were not stored. */
  readonly told: unknown[]
}

async function madeOn(
  memcached: CacheServer,
  t: TestContext,
  site: (pages: WebPageCache) => Server,
): Promise<Made & Site> {
  const cache = new MemcachedClient(`127.0.0.1:${memcached.port}`)
  const told: unknown[] = []
  const pages = webPageCache(cache, {
    ttl: 60,
    staleWhileRevalidate: 60,
    onUncacheable: (reason, _address, field) => told.push(reason, field),
  })
  const server = await siteOf(site(pages))
  t.after(async () => {
    await server.close()
    await cache.close()
    await memcached.kill()
  })
  return { cache, pages, told, ...server }
}

/** Requests a page until it comes out of the cache. */
async function hit({ ask, told }: Made & Site, path: string, headers = {}): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    const answer = await ask(path, { headers })
    if (isHit(answer)) return answer
    assert.ok(tries < 50, `${path} was never stored: ${told}`)
    await sleep(5)
  }
}

const ways: readonly Way[] = ['hono', 'wrap']

for (const [kind, start] of Object.entries(serverKinds)) {
  const options = { skip: skipWithoutMemcached() }
  describe(`the page cache of web requests with Hono on ${kind}`, options, () => {
    const made = async (t: TestContext, site: (pages: WebPageCache) => Server) =>
      madeOn(await start(), t, site)

    for (const way of ways) {
      for (const claim of ['nothing', 'public, max-age=60'] as const) {
        test(`by ${way}, with Cache-Control ${claim}, serves no visitor the page of another`, async (t) => {
          const { port } = await made(t, (pages) => carelessHono(tricks, claim, pages, way))
          const stage: Stage = { port, tellsHits: true }
          for (const [index, trick] of tricks.entries()) {
            await t.test(`${trick.name} (${trick.source})`, () => play(stage, trick, index))
          }
        })
      }

      test(`by ${way} sends what the application sent`, async (t) => {
        const body = `<p>${'hello '.repeat(500)}`
        const site = await made(t, (pages) => {
          const app = new Hono<Bindings>()
          if (way === 'hono')
            app
              .use(logger(() => {}))
              .use(secureHeaders())
              .use(compress())
          if (way === 'hono') app.use(pages.hono as never)
          app.get('/text', (context) => context.html(body, 200, { 'X-Own': 'a' }))
          app.get('/stream', (context) => {
            context.header('Content-Type', HTML)
            return stream(context, async (out) => {
              for (let at = 0; at < body.length; at += 500)
                await out.write(body.slice(at, at + 500))
            })
          })
          app.use('/tagged', etag())
          app.get('/tagged', (context) => context.html(body))
          return served(app, pages, way)
        })
        for (const path of ['/text', '/stream', '/tagged']) {
          const first = await site.ask(path)
          assert.equal(first.body.toString(), body, path)
          const later = await hit(site, path)
          assert.equal(later.body.toString(), body, path)
          assert.equal(later.headers['content-type']?.toLowerCase(), HTML)
          const own = ({ headers }: Answer) => [headers['x-own'], headers['x-frame-options']]
          assert.deepEqual(own(later), own(first), path)
          const zipped = await hit(site, path, { 'accept-encoding': 'gzip' })
          assert.equal(zipped.headers['content-encoding'], 'gzip', path)
          const head = await site.ask(path, { method: 'HEAD' })
          assert.equal(head.status, 200)
          assert.equal(head.body.length, 0)
          await site.cache.meta.md(`example.com${path}`, { I: true, T: 60 })
          assert.equal((await site.ask(path)).body.toString(), body, 'stale')
        }
        const tag = (await hit(site, '/tagged')).headers.etag
        const known = await site.ask('/tagged', { headers: { 'if-none-match': tag } })
        assert.equal(known.status, 304)
      })

      test(`by ${way} passes on errors and redirects`, async (t) => {
        const site = await made(t, (pages) => {
          const app = new Hono<Bindings>()
          if (way === 'hono') app.use(pages.hono as never)
          app.get('/moved', (context) => context.redirect('/text'))
          app.get('/broken', () => {
            throw new Error('a bug')
          })
          app.post('/form', async (context) => context.text(await context.req.text()))
          return served(app, pages, way)
        })
        assert.equal((await site.ask('/moved')).status, 302)
        assert.equal((await site.ask('/nowhere')).status, 404)
        const broken = await Promise.all([1, 2, 3].map(() => site.ask('/broken')))
        assert.deepEqual(new Set(broken.map(({ status }) => status)), new Set([500]))
        const form = await fetch(`${site.origin}/form`, { method: 'POST', body: 'sent' })
        assert.equal(await form.text(), 'sent')
      })
    }

    test('lets one of many visitors render', async (t) => {
      let rendered = 0
      const site = await made(t, (pages) => {
        const app = new Hono<Bindings>().get('/', async (context) => {
          rendered++
          await sleep(50)
          return context.html('<p>hello')
        })
        return served(app, pages, 'wrap')
      })
      const answers = await Promise.all(Array.from({ length: 200 }, () => site.ask('/')))
      assert.ok(answers.every(({ body }) => body.toString() === '<p>hello'))
      assert.equal(rendered, 1)
    })

    test('stores no page made of what earlier middleware set', async (t) => {
      const site = await made(t, (pages) => {
        const app = new Hono()
        app.use(async (context, next) => {
          context.set('user' as never, 'ada' as never)
          await next()
        })
        app.use(pages.hono as never)
        app.get('/get', (context) => context.html(`for ${context.get('user' as never)}`))
        app.get('/var', (context) => context.html(`for ${Reflect.get(context.var, 'user')}`))
        app.get('/neither', (context) => context.html('for all'))
        return served(app as never, pages, 'hono')
      })
      await site.ask('/get')
      await site.ask('/var')
      assert.deepEqual(site.told, ['request fields', 'user', 'request fields', 'user'])
      await hit(site, '/neither')
    })

    test('stores no page made of fields or validated data of earlier middleware', async (t) => {
      const viewer = Symbol('viewer')
      type Left = { readonly name: string; readonly [viewer]: string; readonly fixed: string }
      const reads: Readonly<Record<string, (context: Context) => unknown>> = {
        '/field': (context) => Reflect.get(context, 'name'),
        '/field-of-request': ({ req }) => Reflect.get(req, 'name'),
        '/symbol': (context) => (context as Context & Left)[viewer],
        '/getter': (context) => Reflect.get(context, 'seen'),
        '/validated': ({ req }) => JSON.stringify(req.valid('header' as never)),
      }
      const site = await made(t, (pages) => {
        const app = new Hono()
        app.use(async (context, next) => {
          Object.assign(context, { name: 'ada', [viewer]: 'ada' })
          Object.assign(context.req, { name: 'ada' })
          Object.defineProperty(context, 'seen', { get: () => 'ada', configurable: true })
          context.req.addValidatedData('header', { name: 'ada' })
          await next()
        })
        app.use(pages.hono as never)
        app.use(async (context, next) => {
          context.req.addValidatedData('query', { page: 1 })
          await next()
        })
        for (const [path, read] of Object.entries(reads)) {
          app.get(path, (context) => context.html(`for ${read(context)}`))
        }
        app.get('/neither', ({ html, req }) =>
          html(`page ${JSON.stringify(req.valid('query' as never))}`),
        )
        return served(app as never, pages, 'hono')
      })
      for (const path of Object.keys(reads)) await site.ask(path)
      const fields = ['name', 'name', 'viewer', 'seen', 'valid']
      assert.deepEqual(
        site.told,
        fields.flatMap((field) => ['request fields', field]),
      )
      await hit(site, '/neither')
    })

    test('does not wait for a visitor who reads slowly, nor for one who left', async (t) => {
      const large = `<p>${'hello '.repeat(50_000)}`
      const site = await made(t, (pages) => {
        const app = new Hono<Bindings>().get('/slow', (context) => context.html(large))
        app.get('/left', async (context) => {
          await sleep(30)
          return context.html(large)
        })
        return served(app, pages, 'wrap')
      })
      const { default: http } = await import('node:http')
      const options = { host: '127.0.0.1', port: site.port, headers: { host: 'example.com' } }
      const slow = http.get({ ...options, path: '/slow', agent: false })
      const [response] = (await once(slow, 'response')) as [IncomingMessage]
      response.pause()
      await hit(site, '/slow')
      slow.destroy()
      const left = http.get({ ...options, path: '/left', agent: false })
      left.on('error', () => {})
      setTimeout(() => left.destroy(), 10)
      await sleep(5)
      assert.equal((await site.ask('/left')).body.toString(), large)
      await hit(site, '/left')
    })
  })
}
