import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { MemcachedClient } from '../../src/client/client.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { compat } from '../../src/ring/compat.ts'
import { type Answer, askPort } from '../integrations/page/site.ts'
import { startNginx } from '../nginx/nginx-server.ts'
import { type Memcached, realMemcached, startMemcached } from '../support/memcached.ts'
import type { Around, Route } from './hosts.ts'
import { chained, hosts } from './hosts.ts'
import { middlewares } from './middlewares.ts'

/*
 * Every middleware before and after the page cache, in every framework: the first visitor, the next
 * ones, visitors of a stale page and visitors of nginx all get the response that the application
 * sends without a page cache.
 */
const TEXT = `<p>a cat   and ${'a dog   '.repeat(300)}</p>`
const HTML = 'text/html; charset=utf-8'
const ENCODINGS = ['gzip', 'identity', 'gzip, br']

/** Pages sent in one piece, in several pieces, and with headers given to writeHead. */
const route: Route = async (request, response) => {
  const { url } = request
  // Set the status, because Koa's default is 404.
  response.statusCode = 200
  if (url === '/head') {
    response.writeHead(200, { 'Content-Type': HTML })
    return response.end(TEXT)
  }
  response.setHeader('Content-Type', HTML)
  if (url !== '/stream') {
    response.setHeader('Content-Length', Buffer.byteLength(TEXT))
    return response.end(TEXT)
  }
  for (let at = 0; at < TEXT.length; at += 800) {
    // No word may be cut in two: rewriters work on one chunk at a time.
    response.write(TEXT.slice(at, at + 800))
    await sleep(1)
  }
  return response.end()
}
const PATHS = ['/page', '/stream', '/head']

function decoded({ headers, body }: Pick<Answer, 'headers' | 'body'>): string {
  const coding = headers['content-encoding']
  if (coding === 'gzip') return gunzipSync(body).toString()
  if (coding === 'br') return brotliDecompressSync(body).toString()
  return (coding === 'deflate' ? inflateSync(body) : body).toString()
}

type Places = 'before' | 'after'
const nothing: Around = { before: [], pages: undefined, after: [] }

/** The middleware before and after the page cache in one application. */
function around(name: string, place: Places): Around {
  return { ...nothing, [place]: [middlewares[name]!()] }
}

const rows = Object.keys(middlewares).flatMap((name) =>
  (['before', 'after'] as const).map((place) => ({ name, place })),
)

describe('pages and middleware', () => {
  let memcached: Memcached
  let cache: MemcachedClient
  let nginxCache: MemcachedClient
  const sites = new Map<string, http.RequestListener>()
  const router = http.createServer((request, response) => {
    sites.get(String(request.headers.host))?.(request, response)
  })

  before(async () => {
    memcached = await startMemcached()
    const address = `127.0.0.1:${memcached.port}`
    cache = new MemcachedClient(address)
    nginxCache = new MemcachedClient(address, compat.nginx)
    router.listen(0, '127.0.0.1')
    await once(router, 'listening')
  })
  after(async () => {
    router.close()
    router.closeAllConnections()
    await Promise.all([cache.close(), nginxCache.close()])
    await memcached.kill()
  })

  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port

  /** Requests every path in every encoding, and expects what `expected` returns. */
  async function expectAll(
    port: number,
    host: string,
    expected: ReadonlyMap<string, string>,
    when: string,
  ): Promise<Answer[]> {
    const answers: Answer[] = []
    for (const path of PATHS) {
      for (const encoding of ENCODINGS) {
        const headers = { host, 'accept-encoding': encoding }
        const answer = await askPort(port, path, { headers })
        assert.equal(answer.status, 200, `${when} ${path} ${encoding}`)
        assert.equal(decoded(answer), expected.get(path), `${when} ${path} ${encoding}`)
        answers.push(answer)
      }
    }
    return answers
  }

  async function plainly(host: string): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const path of PATHS) {
      const answer = await askPort(portOf(router), path, { headers: { host } })
      found.set(path, decoded(answer))
    }
    return found
  }

  for (const [framework, make] of Object.entries(hosts)) {
    for (const [index, { name, place }] of rows.entries()) {
      const host = `${framework.replace(/\W/g, '')}${index}.example`.toLowerCase()

      test(`${framework} with ${name} ${place} the page cache sends what it sends without a page cache`, async (t) => {
        if (realMemcached(t) === undefined) return
        sites.set(host, await make(around(name, place), route))
        const expected = await plainly(host)
        const pages = pageCache(cache, { ttl: 60, staleWhileRevalidate: 60 })
        sites.set(host, await make({ ...around(name, place), pages }, route))
        const port = portOf(router)
        await expectAll(port, host, expected, 'first')
        await sleep(10)
        const hits = await expectAll(port, host, expected, 'hit')
        const isHit = ({ headers }: Answer) =>
          /^mintring; hit/.test(String(headers['cache-status']))
        assert.ok(hits.some(isHit), 'nothing was served from the cache')
        for (const path of PATHS) await cache.meta.md(`${host}${path}`, { I: true, T: 60 })
        await expectAll(port, host, expected, 'stale')
      })
    }
  }

  for (const [index, { name, place }] of rows.entries()) {
    const host = `nginx${index}.example`
    test(`nginx with ${name} ${place} the page cache of express 5 sends what the application sends`, async (t) => {
      if (realMemcached(t) === undefined) return
      const make = hosts['express 5']!
      sites.set(host, await make(around(name, place), route))
      const expected = await plainly(host)
      const pages = pageCache(nginxCache, { ttl: 60 })
      sites.set(host, await make({ ...around(name, place), pages }, route))
      const places = { memcachedPorts: [memcached.port], appPort: portOf(router) }
      const port = await startNginx(t, 'plain.conf', places)
      if (port === undefined) return
      await expectAll(port, host, expected, 'first')
      await sleep(10)
      await expectAll(port, host, expected, 'second')
    })
  }

  for (const [index, { name, place }] of rows.entries()) {
    test(`HTTP/2 with ${name} ${place} the page cache sends what it sends without a page cache`, async (t) => {
      if (realMemcached(t) === undefined) return
      const host = `h2${index}.example`
      const ask = async (made: Around, when: () => Promise<unknown>): Promise<Answer[][]> => {
        const server = http2.createServer(chained(made, route) as never).listen(0, '127.0.0.1')
        await once(server, 'listening')
        const rounds = [await askHttp2(portOf(server), host), await askHttp2(portOf(server), host)]
        await when()
        rounds.push(await askHttp2(portOf(server), host))
        server.close()
        return rounds
      }
      const texts = (rounds: Answer[][]): string[][] => rounds.map((round) => round.map(decoded))
      const expected = texts(await ask(around(name, place), async () => {}))
      const pages = pageCache(cache, { ttl: 60, staleWhileRevalidate: 60 })
      const rounds = await ask({ ...around(name, place), pages }, async () => {
        for (const path of PATHS) await cache.meta.md(`${host}${path}`, { I: true, T: 60 })
      })
      assert.deepEqual(texts(rounds), expected)
      const said = rounds.map((round) => round.map(({ headers }) => headers['cache-status']))
      assert.match(String(said[1]), /mintring; hit; ttl=\d/, 'nothing was served from the cache')
    })

    test(`HTTP/2 through nginx with ${name} ${place} the page cache sends what the application sends`, async (t) => {
      if (realMemcached(t) === undefined) return
      const host = `h2nginx${index}.example`
      sites.set(host, await hosts['node:http']!(around(name, place), route))
      const expected = await plainly(host)
      const pages = pageCache(nginxCache, { ttl: 60 })
      sites.set(host, await hosts['node:http']!({ ...around(name, place), pages }, route))
      const places = { memcachedPorts: [memcached.port], appPort: portOf(router), isHttp2: true }
      const port = await startNginx(t, 'plain.conf', places)
      if (port === undefined) return
      for (const when of ['first', 'second', 'third']) {
        const texts = (await askHttp2(port, host)).map(decoded)
        assert.deepEqual(
          texts,
          PATHS.map((path) => expected.get(path)),
          when,
        )
      }
    })
  }
})

/** Requests all paths on one connection. */
async function askHttp2(port: number, host: string): Promise<Answer[]> {
  const client = http2.connect(`http://127.0.0.1:${port}`)
  const answers: Answer[] = []
  for (const path of PATHS) {
    const headers = { ':path': path, ':authority': host, 'accept-encoding': 'gzip' }
    const stream = client.request(headers).end()
    const [got] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    answers.push({ status: Number(got[':status']), headers: got, body: Buffer.concat(chunks) })
    await sleep(5)
  }
  client.close()
  return answers
}
