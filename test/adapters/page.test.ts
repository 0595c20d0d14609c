import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import http from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import connect from 'connect'
import express from 'express'
import Fastify from 'fastify'
import { MemcachedClient } from '../../src/client/client.ts'
import type { PageCache } from '../../src/integrations/page.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { assertPrivate, respondPrivately } from '../integrations/page/private.ts'
import { isHit, type Site, siteOf } from '../integrations/page/site.ts'
import { startMemcached } from '../support/memcached.ts'

type App = (pages: PageCache) => Promise<http.Server>

/** One application per framework: `/public` is a public page; all other paths are private. */
const apps: Readonly<Record<string, App>> = {
  async express(pages) {
    const app = express().disable('x-powered-by')
    app.use(pages)
    app.get('/public', (_, response) => response.send('<p>for all</p>'))
    app.get('/cookie', ({ headers }, response) => {
      response.cookie('id', '1').send(`for ${headers['x-user']}`)
    })
    app.use(({ url, headers }, response) => {
      respondPrivately(url, response, String(headers['x-user']))
    })
    return http.createServer(app as unknown as RequestListener)
  },
  async connect(pages) {
    const app = connect()
    app.use(pages)
    app.use('/public', (_, response) => send(response, '<p>for all</p>'))
    app.use('/cookie', ({ headers }, response) => {
      response.setHeader('Set-Cookie', 'id=1')
      send(response, `for ${headers['x-user']}`)
    })
    app.use(({ url, headers }, response) => {
      respondPrivately(url!, response, String(headers['x-user']))
    })
    return http.createServer(app)
  },
  async fastify(pages) {
    const fastify = Fastify()
    fastify.addHook('onRequest', pages.onRequest)
    fastify.get('/public', (_, reply) =>
      reply.type('text/html; charset=utf-8').send('<p>for all</p>'),
    )
    fastify.get('/cookie', ({ headers }, reply) => {
      // Fastify passes its headers to writeHead: setHeader is never called for them.
      reply.header('set-cookie', 'id=1').type('text/html; charset=utf-8')
      return reply.send(`for ${headers['x-user']}`)
    })
    fastify.get('/:way', (request, reply) => {
      reply.hijack()
      respondPrivately(request.url, reply.raw, String(request.headers['x-user']))
    })
    await fastify.ready()
    return fastify.server
  },
  async 'node:http'(pages) {
    return http.createServer((request, response) => {
      pages(request, response, () => {
        const user = String(request.headers['x-user'])
        if (request.url === '/public') return send(response, '<p>for all</p>')
        if (request.url !== '/cookie') return respondPrivately(request.url!, response, user)
        response.writeHead(200, { 'set-cookie': 'id=1', 'content-type': HTML })
        return response.end(`for ${user}`)
      })
    })
  },
}

const HTML = 'text/html; charset=utf-8'

function send(response: ServerResponse, body: string): void {
  response.setHeader('Content-Type', HTML)
  response.end(body)
}

async function siteWith(t: TestContext, app: App): Promise<Site & { stored: Promise<unknown> }> {
  const memcached = await startMemcached()
  const cache = new MemcachedClient(`127.0.0.1:${memcached.port}`)
  const stored = new Promise((resolve) => cache.on('refill', resolve))
  const site = await siteOf(await app(pageCache(cache, { ttl: 60 })))
  t.after(async () => {
    await site.close()
    await cache.close()
    await memcached.kill()
  })
  return { ...site, stored }
}

for (const [name, app] of Object.entries(apps)) {
  describe(`pageCache in ${name}`, () => {
    test('stores a page on the first request and serves it afterwards', async (t) => {
      const site = await siteWith(t, app)
      assert.ok(!isHit(await site.ask('/public')))
      await site.stored
      const second = await site.ask('/public')
      assert.ok(isHit(second))
      assert.equal(second.body.toString(), '<p>for all</p>')
      assert.equal(second.headers['content-type'], HTML)
    })

    test('never serves a private response to another visitor', async (t) => {
      await assertPrivate(await siteWith(t, app))
    })

    test('does not share a page whose cookie is set by the API of the framework', async (t) => {
      const site = await siteWith(t, app)
      for (const user of ['ada', 'ben']) {
        const answer = await site.ask('/cookie', { headers: { 'x-user': user } })
        assert.equal(answer.body.toString(), `for ${user}`)
      }
    })
  })
}
