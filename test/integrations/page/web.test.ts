import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMintringError } from '../../../src/errors.ts'
import { pageCache } from '../../../src/integrations/page.ts'
import { webPageCache } from '../../../src/integrations/page-web.ts'
import { HTML, html } from './rig.ts'
import { startSite } from './site.ts'
import { asking, hit, page, URL_OF_A, web } from './web-support.ts'

/** Every way to read the headers of a request. */
const readers: Readonly<Record<string, (request: Request) => unknown>> = {
  get: ({ headers }) => headers.get('X-Evil'),
  has: ({ headers }) => headers.has('x-evil'),
  keys: ({ headers }) => [...headers.keys()].includes('x-evil'),
  values: ({ headers }) => [...headers.values()].includes('evil'),
  entries: ({ headers }) => Object.fromEntries(headers.entries())['x-evil'],
  iteration: ({ headers }) => Object.fromEntries(headers)['x-evil'],
  forEach({ headers }) {
    let found = false
    headers.forEach((_, name) => {
      found ||= name === 'x-evil'
    })
    return found
  },
  'a copy of the headers': ({ headers }) => new Headers(headers).get('x-evil'),
  'a clone of the request': (request) => request.clone().headers.get('x-evil'),
  append({ headers }) {
    headers.append('x-evil', 'more')
    return headers.get('x-evil')
  },
}

describe('the page cache of web requests', () => {
  for (const [name, read] of Object.entries(readers)) {
    test(`stores no page made of a header that is read by ${name}`, async (t) => {
      const { pages, told } = await web(t)
      const application = (request: Request): Response => page(`hello ${read(request) || 'all'}`)
      const evil = await pages(asking({ 'x-evil': 'evil' }), application)
      assert.match(await evil.text(), /hello (?:evil|true)/)
      const other = await pages(asking(), application)
      assert.match(await other.text(), /hello (?:all|more)/)
      assert.deepEqual(told.slice(0, 2), ['request headers', 'x-evil'])
    })
  }

  test('passes a request whose clones hold only what is in the key', async (t) => {
    const { pages } = await web(t)
    const seen: unknown[] = []
    const request = new Request('http://Example.com:8080/a?b=c#d', { headers: { 'x-evil': 'e' } })
    const response = await pages(request, (shown) => {
      const copy = new Request(shown)
      seen.push(copy.url, copy.headers.get('x-evil'), shown instanceof Request)
      return page('hello')
    })
    await response.text()
    assert.deepEqual(seen, ['http://example.com/a?b=c', null, true])
    await hit(pages, asking({}, '/a?b=c'))
  })

  test('lets the application set request headers of its own', async (t) => {
    const { pages } = await web(t)
    const response = await pages(asking({ 'x-evil': 'evil' }), ({ headers }) => {
      headers.set('X-Evil', 'mine')
      headers.append('x-own', 'also')
      headers.delete('x-none')
      return page(`${headers.get('x-evil')} ${headers.get('x-own')}`)
    })
    assert.equal(await response.text(), 'mine also')
    await hit(pages)
  })

  test('stores no page made of what the server says about the visitor', async (t) => {
    const { pages, told } = await web(t)
    const rest = {
      deno: { remoteAddr: { hostname: '203.0.113.7' } },
      bun: { requestIP: (of: Request) => (of === given ? '203.0.113.7' : 'unknown') },
    }
    const given = asking({}, '/bun')
    const denos = pages.wrap((_: Request, { remoteAddr }: typeof rest.deno) =>
      page(`hello ${remoteAddr.hostname}`),
    )
    assert.equal(await (await denos(asking(), rest.deno)).text(), 'hello 203.0.113.7')
    const buns = pages.wrap((request: Request, server: typeof rest.bun) =>
      page(`hello ${server.requestIP(request)}`),
    )
    assert.equal(await (await buns(given, rest.bun)).text(), 'hello 203.0.113.7')
    const located = Object.assign(asking({}, '/b'), { cf: { country: 'DE' } })
    const workers = await pages(located, (shown) => page(`in ${Reflect.get(shown, 'cf').country}`))
    assert.equal(await workers.text(), 'in DE')
    await sleep(1)
    assert.deepEqual(told.filter((word) => word !== 'request fields').sort(), [
      'cf',
      'remoteAddr',
      'requestIP',
    ])
  })

  test('rejects when the application returns no response, and calls it again next time', async (t) => {
    const { pages } = await web(t)
    for (const returned of [undefined, null, 'text', {}]) {
      await assert.rejects(
        pages(asking(), () => returned as never),
        { code: 'MINTRING_BAD_ARGUMENT', message: /must return a Response, not / },
      )
    }
  })

  test('stores no page from a stream of anything but bytes', async (t) => {
    const { pages, cache } = await web(t)
    const texts = new ReadableStream({
      start(controller) {
        controller.enqueue('text')
        controller.close()
      },
    })
    const response = await pages(asking(), () => page(texts))
    await response.text().catch(() => {})
    await sleep(5)
    assert.equal((await cache.meta.mg('example.com/a')).status, 'missing')
  })

  test('stores no page whose body differs from its Content-Length', async (t) => {
    const { pages, cache } = await web(t)
    await (await pages(asking(), () => page('short', { 'content-length': '99' }))).text()
    await sleep(5)
    assert.equal((await cache.meta.mg('example.com/a')).status, 'missing')
  })

  const unstored: Readonly<Record<string, () => Response>> = {
    'set-cookie': () => page('a', { 'set-cookie': 'id=1' }),
    'cache-control': () => page('a', { 'cache-control': 'private' }),
    vary: () => page('a', { vary: 'Cookie' }),
    'content-type': () => new Response('a', { headers: { 'content-type': 'text/plain' } }),
    'content-encoding': () => page('a', { 'content-encoding': 'br' }),
    status: () => new Response('a', { status: 404, headers: { 'content-type': HTML } }),
    empty: () => page(null),
    'too large': () => page('a', { 'content-length': '9999999' }),
    headers: () => page('a', { 'x-csrf-token': '1' }),
  }
  for (const [reason, make] of Object.entries(unstored)) {
    test(`passes a response on unchanged when it is not stored: ${reason}`, async (t) => {
      const { pages, told } = await web(t)
      const own = make()
      const response = await pages(asking(), () => own)
      assert.equal(response, own)
      await sleep(1)
      assert.equal(told[0], reason)
    })
  }

  test('does not make other visitors wait for a response that never ends', async (t) => {
    const { pages } = await web(t)
    const events = (): Response =>
      new Response(new ReadableStream({}), { headers: { 'content-type': 'text/event-stream' } })
    const all = await Promise.all([1, 2, 3].map(() => pages(asking(), events)))
    assert.ok(all.every(({ status }) => status === 200))
  })

  test('rejects with the error of the application, and calls it again next time', async (t) => {
    const { pages } = await web(t)
    const bugs: (() => Response | Promise<Response>)[] = [
      () => {
        throw new Error('a bug')
      },
      () => Promise.reject(new Error('a bug')),
    ]
    for (const bug of bugs) {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const request = new Request(URL_OF_A, { method })
        await assert.rejects(pages(request, bug), /a bug/)
      }
    }
  })

  test('serves pages that pageCache stored, and pageCache serves its pages', async (t) => {
    const { pages, cache } = await web(t)
    const onNode = pageCache(cache, { ttl: 60 })
    const site = await startSite((request, response) => {
      onNode(request, response, () => html(response, `of node: ${request.url}`, { 'X-Own': 'n' }))
    })
    t.after(() => site.close())
    await site.ask('/node?q=%20')
    const fromNode = await hit(pages, asking({}, '/node?q=%20'))
    assert.equal(await fromNode.text(), 'of node: /node?q=%20')
    assert.equal(fromNode.headers.get('x-own'), 'n')
    await (await pages(asking({}, '/web'), () => page('of the web', { 'x-own': 'w' }))).text()
    await hit(pages, asking({}, '/web'))
    const fromWeb = await site.ask('/web')
    assert.equal(fromWeb.body.toString(), 'of the web')
    assert.equal(fromWeb.headers['x-own'], 'w')
    assert.equal(await pages.purge('http://example.com/web'), true)
    assert.equal((await site.ask('/web')).body.toString(), 'of node: /web')
  })

  test('releases the memory of bodies that are not stored', async (t) => {
    const { pages, told } = await web(t, { maxBufferedBytes: 100 })
    for (let i = 0; i < 5; i++) {
      const response = await pages(asking({}, `/${i}`), () => page('x'.repeat(200)))
      assert.equal((await response.text()).length, 200)
    }
    assert.deepEqual(told, Array(5).fill('too large'))
    await (await pages(asking(), () => page('x'.repeat(90)))).text()
    await hit(pages)
  })

  test('throws for an argument that is no client, and for invalid options', () => {
    const make = (client: unknown, options: unknown) => () =>
      webPageCache(client as never, options as never)
    assert.throws(
      make({}, { ttl: 60 }),
      (error) => isMintringError(error) && /webPageCache/.test(error.message),
    )
    assert.throws(make({ view() {} }, { ttl: 60, tll: 1 }), isMintringError)
  })
})
