import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import http from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import express4 from 'express4'
import Fastify from 'fastify'
import Koa from 'koa'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import type { PageCache } from '../../src/integrations/page.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { isHit, type Site, siteOf } from '../integrations/page/site.ts'

const HTML = 'text/html; charset=utf-8'

/** Each application responds with what its framework reports as the request's address. */
const apps: Readonly<Record<string, (pages: PageCache, trusts: boolean) => Promise<http.Server>>> =
  {
    'express 4': async (pages, trusts) => expressServer(express4 as never, pages, trusts),
    'express 5': async (pages, trusts) => expressServer(express, pages, trusts, 'host'),
    async Fastify(pages, trusts) {
      const app = Fastify({ trustProxy: trusts })
      app.addHook('onRequest', pages.onRequest)
      app.get('/*', ({ protocol, host }, reply) => {
        return reply.type(HTML).send(`${protocol}://${host}`)
      })
      await app.ready()
      return app.server
    },
    async Koa(pages, trusts) {
      const app = new Koa({ proxy: trusts })
      app.use(pages.koa)
      app.use((context) => {
        context.type = HTML
        context.body = `${context.protocol}://${context.host}`
      })
      return http.createServer(app.callback())
    },
  }

function expressServer(
  make: typeof express,
  pages: PageCache,
  trusts: boolean,
  host: 'host' | 'hostname' = 'hostname',
): http.Server {
  const app = make().set('trust proxy', trusts)
  app.use(pages)
  app.use((request, response) => {
    response.send(`${request.protocol}://${request[host]}`)
  })
  return http.createServer(app as unknown as RequestListener)
}

async function start(t: TestContext, name: string, trusts: boolean): Promise<Site> {
  const server = await startServer()
  const cache = new MemcachedClient(server.address)
  const site = await siteOf(await apps[name]!(pageCache(cache, { ttl: 60 }), trusts))
  t.after(async () => {
    await site.close()
    await cache.close()
    await server.close()
  })
  return site
}

/** Headers of visitors behind a proxy, or of visitors who pretend to be. */
const FORWARDED = {
  'x-forwarded-host': 'Other.Example:8443',
  'x-forwarded-proto': 'https',
  'x-forwarded-for': '203.0.113.7',
}

/** Forwarded headers with an invalid host or scheme, which therefore cannot be in the key. */
const UNKEYED = {
  'x-forwarded-host': 'example.com:evil',
  'X-Forwarded-Host': 'example.com, example.com:evil',
  'x-forwarded-proto': 'evil',
  'X-Forwarded-Proto': 'evil,https,evil',
}

for (const name of Object.keys(apps)) {
  describe(`forwarded headers in ${name}`, () => {
    test('are part of the key when the application trusts them', async (t) => {
      const site = await start(t, name, true)
      for (const round of ['rendered', 'served']) {
        const own = await site.ask('/a')
        assert.equal(own.body.toString(), 'http://example.com', round)
        const other = await site.ask('/a', { headers: FORWARDED })
        assert.equal(other.body.toString(), 'https://other.example', round)
        assert.equal(isHit(other), round === 'served')
        await sleep(30)
      }
    })

    test('have no effect when the application does not trust them', async (t) => {
      const site = await start(t, name, false)
      for (let round = 0; round < 2; round++) {
        const other = await site.ask('/a', { headers: FORWARDED })
        assert.equal(other.body.toString(), 'http://example.com')
        const own = await site.ask('/a')
        assert.equal(own.body.toString(), 'http://example.com')
        await sleep(30)
      }
      assert.ok(isHit(await site.ask('/a')))
    })

    for (const [header, value] of Object.entries(UNKEYED)) {
      test(`do not change other visitors' page when the application trusts them: ${header}: ${value}`, async (t) => {
        const site = await start(t, name, true)
        await site.ask('/a', { headers: { [header]: value } })
        await sleep(20)
        for (let round = 0; round < 2; round++) {
          const { body } = await site.ask('/a')
          assert.doesNotMatch(body.toString(), /evil/i)
          await sleep(20)
        }
        assert.ok(isHit(await site.ask('/a')))
      })
    }
  })
}
