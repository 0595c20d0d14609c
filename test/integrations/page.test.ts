import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { assertPrivate, privateWays, respondPrivately } from './page/private.ts'
import { HTML, html, rig } from './page/rig.ts'
import { isHit, startSite } from './page/site.ts'

describe('pageCache', () => {
  test('renders a page once and serves it afterwards', async (t) => {
    const { site, rendered, settled } = await rig(t, (_, response) => html(response, 'hello'))
    const first = await site.ask('/a')
    assert.equal(first.body.toString(), 'hello')
    assert.equal(first.headers['cache-status'], undefined)
    await settled('example.com/a')
    const second = await site.ask('/a')
    assert.equal(second.body.toString(), 'hello')
    assert.equal(second.headers['content-type'], HTML)
    assert.match(String(second.headers['cache-status']), /^mintring; hit; ttl=\d+$/)
    assert.deepEqual(rendered, ['/a'])
  })

  test('stores the plain bytes under host and URI', async (t) => {
    const { site, stored, settled } = await rig(t, (_, response) => html(response, 'hello'))
    await site.ask('/a?b=c', { headers: { host: 'Example.COM.:8080' } })
    await settled('example.com/a?b=c')
    const item = await stored('example.com/a?b=c')
    assert.equal(item?.value.toString(), 'hello')
    assert.equal(item!.flags & 2, 0)
  })

  test('escapes keys as nginx does, and routes by the unescaped key', async (t) => {
    const { site, settled } = await rig(t, (_, response) => html(response, 'hello'))
    await site.ask('/a%20b')
    await settled('example.com/a%2520b')
  })

  test('can use the MD5 of the key', async (t) => {
    const { site, settled } = await rig(t, (_, response) => html(response, 'hello'), {
      key: 'md5',
      prefix: 'page:',
    })
    await site.ask(`/${'long'.repeat(100)}`)
    await site.ask('/a')
    const hash = createHash('md5').update('example.com/a').digest('hex')
    await settled(`page:${hash}`)
  })

  test('escapes a prefix before it computes an MD5, as nginx does', async (t) => {
    const options = { key: 'md5', prefix: 'page 5%:' } as const
    const { site, settled } = await rig(t, (_, response) => html(response, 'hello'), options)
    await site.ask('/a')
    const hash = createHash('md5').update('example.com/a').digest('hex')
    await settled(`page%205%25:${hash}`)
    assert.ok(isHit(await site.ask('/a')))
  })

  test('gzips long pages and sends them compressed to visitors who accept it', async (t) => {
    const long = 'lorem ipsum '.repeat(200)
    const { site, stored, settled } = await rig(t, (_, response) => html(response, long))
    assert.equal((await site.ask('/a')).body.toString(), long)
    await settled('example.com/a')
    const item = await stored('example.com/a')
    assert.equal(item!.flags & 2, 2)
    assert.equal(gunzipSync(item!.value).toString(), long)
    const zipped = await site.ask('/a', { headers: { 'accept-encoding': 'br, gzip' } })
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    assert.equal(gunzipSync(zipped.body).toString(), long)
    const plain = await site.ask('/a', { headers: { 'accept-encoding': 'gzip;q=0, br' } })
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(plain.body.toString(), long)
  })

  test('stores a page that the application gzipped, and does not store brotli', async (t) => {
    const { site, stored, settled, refused } = await rig(t, ({ url }, response) => {
      const encoding = url === '/gzip' ? 'gzip' : 'br'
      html(response, gzipSync('zipped'), { 'Content-Encoding': encoding })
    })
    await site.ask('/gzip')
    await settled('example.com/gzip')
    assert.equal(gunzipSync((await stored('example.com/gzip'))!.value).toString(), 'zipped')
    await site.ask('/br')
    assert.deepEqual(refused, ['content-encoding'])
  })

  test('sends for HEAD the headers of GET, and does not store a response to HEAD', async (t) => {
    const { site, settled, rendered } = await rig(t, (_, response) => html(response, 'hello'))
    await site.ask('/a', { method: 'HEAD' })
    await site.ask('/a')
    await settled('example.com/a')
    const head = await site.ask('/a', { method: 'HEAD' })
    assert.ok(isHit(head))
    assert.equal(head.headers['content-length'], '5')
    assert.equal(head.body.length, 0)
    assert.deepEqual(rendered, ['/a', '/a'])
  })

  test('removes conditions from the request that renders, and lets it accept gzip only', async (t) => {
    const { site, settled } = await rig(t, ({ headers }, response) => {
      assert.equal(headers['if-none-match'], undefined)
      assert.equal(headers['accept-encoding'], 'gzip')
      html(response, 'hello')
    })
    const headers = { 'if-none-match': '"1"', 'accept-encoding': 'gzip, br' }
    assert.equal((await site.ask('/a', { headers })).status, 200)
    await settled('example.com/a')
  })

  test('renders once for all visitors who come at the same time', async (t) => {
    const { site, rendered } = await rig(t, async (_, response) => {
      await sleep(50)
      html(response, 'hello')
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => site.ask('/a')))
    assert.ok(answers.every(({ body }) => body.toString() === 'hello'))
    assert.deepEqual(rendered, ['/a'])
  })

  test('serves the stale page to all except the visitor who renders', async (t) => {
    let version = 1
    let othersServed = (): void => {}
    const others = new Promise<void>((resolve) => {
      othersServed = resolve
    })
    const { site, rendered, cache, settled } = await rig(t, async (_, response) => {
      const body = `version ${version}`
      if (version > 1) await others
      html(response, body)
    })
    await site.ask('/a')
    await settled('example.com/a')
    await cache.meta.md('example.com/a', { I: true, T: 60 })
    version = 2
    let served = 0
    const ask = async (): ReturnType<typeof site.ask> => {
      const answer = await site.ask('/a')
      served++
      if (served === 9) othersServed()
      return answer
    }
    const answers = await Promise.all(Array.from({ length: 10 }, ask))
    const bodies = answers.map(({ body }) => body.toString())
    assert.equal(bodies.filter((body) => body === 'version 2').length, 1)
    assert.equal(bodies.filter((body) => body === 'version 1').length, 9)
    assert.deepEqual(rendered, ['/a', '/a'])
    await sleep(30)
    assert.equal((await site.ask('/a')).body.toString(), 'version 2')
  })

  test('serves the last page of a failing application', async (t) => {
    let isDown = false
    const { site, rendered, cache, settled } = await rig(t, (_, response) => {
      if (!isDown) return html(response, 'hello')
      response.statusCode = 503
      response.end('down')
    })
    await site.ask('/a')
    await settled('example.com/a')
    await cache.meta.md('example.com/a', { I: true, T: 60 })
    isDown = true
    assert.equal((await site.ask('/a')).status, 503)
    const later = await Promise.all(Array.from({ length: 5 }, () => site.ask('/a')))
    assert.ok(later.every(({ body }) => body.toString() === 'hello'))
    assert.equal(rendered.length, 2)
  })

  test('does not make requests wait for each other when the page cannot be stored', async (t) => {
    const { site, rendered } = await rig(t, async (_, response) => {
      await sleep(100)
      html(response, 'mine', { 'Cache-Control': 'private' })
    })
    await site.ask('/a')
    const waitedMs = startStopwatch(t)
    await Promise.all(Array.from({ length: 10 }, () => site.ask('/a')))
    assert.ok(waitedMs() < 300)
    assert.equal(rendered.length, 11)
  })

  test('never stores a truncated page, and has another visitor render it', async (t) => {
    let renders = 0
    const { site, rendered, stored, settled } = await rig(t, async (_, response) => {
      renders++
      response.writeHead(200, { 'Content-Type': HTML })
      response.write('first half')
      if (renders === 1) {
        await once(response, 'close')
        return response.end('')
      }
      return response.end(', second half')
    })
    const socket = net.connect(site.port, '127.0.0.1')
    socket.write('GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n')
    await once(socket, 'data')
    const waiting = site.ask('/a')
    await sleep(20)
    socket.destroy()
    assert.equal((await waiting).body.toString(), 'first half, second half')
    await settled('example.com/a')
    const item = await stored('example.com/a')
    assert.equal(item?.value.toString(), 'first half, second half')
    assert.equal(rendered.length, 2)
  })

  test('does not store a body that is shorter than its Content-Length', async (t) => {
    const { site, stored } = await rig(t, (_, response) => {
      response.strictContentLength = false
      response.writeHead(200, { 'Content-Type': HTML, 'Content-Length': 100 })
      response.end('short')
    })
    await site.ask('/a').catch(() => {})
    await sleep(20)
    assert.equal(await stored('example.com/a'), undefined)
  })

  test('passes requests to the application when the cache is down', async (t) => {
    const cache = new MemcachedClient('127.0.0.1:1', { connectTimeoutMs: 100 })
    const pages = pageCache(cache, { ttl: 60 })
    const site = await startSite((request, response) => {
      pages(request, response, () => html(response, 'hello'))
    })
    t.after(async () => {
      await site.close()
      await cache.close()
    })
    for (let i = 0; i < 5; i++) assert.equal((await site.ask('/a')).body.toString(), 'hello')
    assert.equal((await site.ask('/a', { method: 'HEAD' })).status, 200)
  })

  test('passes requests that it must not serve to the application', async (t) => {
    const { site, rendered, settled } = await rig(t, (_, response) => html(response, 'hello'))
    await site.ask('/a')
    await settled('example.com/a')
    await site.ask('/a', { method: 'POST' })
    await site.ask('/a', { headers: { authorization: 'Bearer x' } })
    await site.ask('/a', { headers: { range: 'bytes=0-1' } })
    await site.ask('/a', { headers: { host: 'bad host' } }).catch(() => {})
    await site.ask(`/${'long'.repeat(100)}`)
    assert.ok(rendered.length >= 5)
  })
})

describe('a response for one visitor', () => {
  test('reaches no other visitor, in every form of marking it private', async (t) => {
    const made = await rig(t, ({ url, headers }, response) => {
      respondPrivately(url!, response, String(headers['x-user']))
    })
    await assertPrivate(made.site)
    for (const index of Object.keys(privateWays).keys()) {
      assert.equal(await made.stored(`example.com/${index}`), undefined)
    }
  })

  test('is recognized when earlier middleware sets the cookie', async (t) => {
    const server = await startServer({ port: 0 })
    const cache = new MemcachedClient(server.address)
    const pages = pageCache(cache, { ttl: 60 })
    const site = await startSite((request, response) => {
      const writeHead = response.writeHead
      response.writeHead = ((...args: unknown[]) => {
        response.setHeader('Set-Cookie', 'id=1')
        return Reflect.apply(writeHead, response, args)
      }) as typeof response.writeHead
      pages(request, response, () => html(response, `for ${request.headers['x-user']}`))
    })
    t.after(async () => {
      await site.close()
      await cache.close()
      await server.close()
    })
    for (const user of ['ada', 'ben']) {
      const { body } = await site.ask('/a', { headers: { 'x-user': user } })
      assert.equal(body.toString(), `for ${user}`)
    }
  })

  test('is not stored if its request had a cookie, but such requests get a page stored for others', async (t) => {
    const { site, rendered, settled, refused } = await rig(t, ({ headers }, response) => {
      html(response, `for ${headers.cookie ?? 'all'}`)
    })
    const asAda = { headers: { cookie: 'user=ada' } }
    assert.equal((await site.ask('/a', asAda)).body.toString(), 'for user=ada')
    assert.equal((await site.ask('/a', asAda)).body.toString(), 'for user=ada')
    assert.equal((await site.ask('/a')).body.toString(), 'for all')
    await settled('example.com/a')
    assert.equal((await site.ask('/a', asAda)).body.toString(), 'for all')
    assert.deepEqual(refused, ['cookie'])
    assert.equal(rendered.length, 3)
  })
})
