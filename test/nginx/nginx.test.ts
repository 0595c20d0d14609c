import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { MemcachedClient } from '../../src/client/client.ts'
import type { PageCache, PageCacheOptions } from '../../src/integrations/page.ts'
import { pageCache } from '../../src/integrations/page.ts'
import { compat } from '../../src/ring/compat.ts'
import type { Answer, Site } from '../integrations/page/site.ts'
import { askPort, startSite } from '../integrations/page/site.ts'
import {
  type Memcached,
  realMemcached,
  skipWithoutMeta,
  startMemcached,
} from '../support/memcached.ts'
import { startNginx } from './nginx-server.ts'

interface Rig {
  readonly site: Site
  readonly memcacheds: readonly Memcached[]
  readonly cache: MemcachedClient
  readonly pages: PageCache
  readonly rendered: string[]
  /** Requests a page from nginx. */
  ask(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
  /** Requests a page until it is stored, then stops the application. */
  fillAndStop(paths: readonly string[]): Promise<void>
}

interface RigOptions {
  readonly weights?: readonly number[]
  /** What the application appends to every page. */
  readonly render?: () => Promise<string>
}

/** nginx, an application and memcacheds of these weights; undefined when the test is skipped. */
async function rig(
  t: TestContext,
  config: string,
  { weights = [1], render, ...options }: Partial<PageCacheOptions> & RigOptions,
): Promise<Rig | undefined> {
  if (realMemcached(t) === undefined) return undefined
  const memcacheds = await Promise.all(weights.map(() => startMemcached()))
  const servers = memcacheds.map(({ host, port }, i) => ({ host, port, weight: weights[i]! }))
  const cache = new MemcachedClient(servers, { ...compat.nginx, requestTimeoutMs: 500 })
  const pages = pageCache(cache, { ttl: 60, ...options })
  const rendered: string[] = []
  const site = await startSite((request, response) => {
    pages(request, response, async () => {
      rendered.push(request.url!)
      if (request.url === '/gone') response.statusCode = 404
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end(
        `${request.method} ${request.url} ${'lorem ipsum '.repeat(200)}${(await render?.()) ?? ''}`,
      )
    })
  })
  t.after(async () => {
    await site.close()
    await cache.close()
    await Promise.all(memcacheds.map((memcached) => memcached.kill()))
  })
  const memcachedPorts = memcacheds.map(({ port }) => port)
  const port = await startNginx(t, config, { memcachedPorts, appPort: site.port })
  if (port === undefined) return undefined
  const ask: Rig['ask'] = (path, headers = {}, method = 'GET') =>
    askPort(port, path, { headers, method })
  const fillAndStop = async (paths: readonly string[]): Promise<void> => {
    let stored = 0
    cache.on('refill', () => stored++)
    for (const path of paths) assert.equal((await ask(path)).status, 200, path)
    while (stored < paths.length) await sleep(5)
    await site.close()
  }
  return { site, memcacheds, cache, pages, rendered, ask, fillAndStop }
}

function text(answer: Answer): string {
  const isGzip = answer.headers['content-encoding'] === 'gzip'
  return (isGzip ? gunzipSync(answer.body) : answer.body).toString()
}

/** Checks that nginx serves pages from memcached after Node has stopped, compressed and plain. */
async function servesWithoutTheApplication(made: Rig, paths: readonly string[]): Promise<void> {
  await made.fillAndStop(paths)
  assert.deepEqual(made.rendered, paths)
  for (const path of paths) {
    const zipped = await made.ask(path, { 'accept-encoding': 'gzip' })
    assert.equal(zipped.status, 200, path)
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    assert.equal(zipped.headers['content-type'], 'text/html; charset=utf-8')
    assert.ok(text(zipped).startsWith(`GET ${path} lorem`), path)
    const plain = await made.ask(path)
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(text(plain), text(zipped))
  }
  const head = await made.ask(paths[0]!, {}, 'HEAD')
  assert.equal(head.status, 200)
  assert.equal((await made.ask('/other')).status, 502)
}

const PATHS = ['/', '/a?b=c&d', '/a%20b', '/%E2%82%AC', '/100%25', '//x', '/f?', '/a+b;c,d~e|f']

describe('nginx as docs/nginx.md configures it', { skip: skipWithoutMeta() }, () => {
  test('serves pages that Node rendered, with plain keys, when Node is stopped', async (t) => {
    const made = await rig(t, 'plain.conf', {})
    if (made !== undefined) await servesWithoutTheApplication(made, PATHS)
  })

  for (const config of ['md5-njs.conf', 'md5-set-misc.conf']) {
    test(`serves pages that Node rendered, with MD5 keys by ${config}, when Node is stopped`, async (t) => {
      const made = await rig(t, config, { key: 'md5', prefix: 'page:' })
      const long = `/${'long/'.repeat(100)}`
      if (made !== undefined) await servesWithoutTheApplication(made, [...PATHS, long])
    })
  }

  test('finds every page on three memcacheds with weights', async (t) => {
    const made = await rig(t, 'several.conf', { weights: [1, 2, 1] })
    if (made === undefined) return
    const paths = Array.from({ length: 400 }, (_, i) => `/page/${i}%20of?x=${i * 7}`)
    await made.fillAndStop(paths)
    let found = 0
    for (const path of paths) {
      if ((await made.ask(path)).status === 200) found++
    }
    assert.equal(found, paths.length)
    const stats = await made.cache.stats()
    const counts = [...stats.values()].map((host) => Number(host.curr_items))
    const total = counts.reduce((sum, count) => sum + count, 0)
    assert.equal(total, paths.length)
    assert.ok(
      counts.every((count) => count > total / 10),
      `${counts}`,
    )
  })

  test('passes a request to Node when memcached has no page for it', async (t) => {
    const made = await rig(t, 'plain.conf', {})
    if (made === undefined) return
    assert.ok(text(await made.ask('/form', {}, 'POST')).startsWith('POST /form'))
    assert.equal((await made.ask('/gone')).status, 404)
    assert.equal((await made.ask(`/${'long'.repeat(100)}`)).status, 200)
    assert.equal((await made.ask('/a', { host: 'Example.COM' })).status, 200)
  })

  test('serves pages when a memcached dies, and finds those that Node stores elsewhere', async (t) => {
    const made = await rig(t, 'several.conf', { weights: [1, 2, 1] })
    if (made === undefined) return
    const paths = Array.from({ length: 60 }, (_, i) => `/page/${i}`)
    await Promise.all(paths.map((path) => made.ask(path)))
    await made.memcacheds[1]!.kill()
    for (let round = 1; round <= 3; round++) {
      const answers: Answer[] = await Promise.all(paths.map((path) => made.ask(path)))
      assert.ok(
        answers.every(({ status }) => status === 200),
        `round ${round}`,
      )
    }
    await sleep(50)
    await made.site.close()
    const found = await Promise.all(paths.map((path) => made.ask(path)))
    assert.equal(found.filter(({ status }) => status === 200).length, paths.length)
  })

  test('serves pages from Node when all memcacheds are dead', async (t) => {
    const made = await rig(t, 'plain.conf', {})
    if (made === undefined) return
    await made.ask('/a')
    await made.memcacheds[0]!.kill()
    for (let i = 0; i < 5; i++) assert.equal((await made.ask('/a')).status, 200)
  })

  test('serves a refreshed page at once, and no purged page', async (t) => {
    const made = await rig(t, 'plain.conf', { origin: 'http://127.0.0.1:1' })
    if (made === undefined) return
    await made.ask('/a')
    while ((await made.cache.meta.mg('example.com/a')).status !== 'done') await sleep(5)
    await made.ask('/a')
    assert.equal(made.rendered.length, 1)
    await made.pages.purge('http://example.com/a')
    await made.ask('/a')
    assert.equal(made.rendered.length, 2)
  })
  test('serves no page that was purged while it was rendered', async (t) => {
    let isOld = true
    let hasBegun: () => void = () => {}
    const made = await rig(t, 'plain.conf', {
      render: async () => {
        const text = isOld ? 'old' : 'new'
        hasBegun()
        if (isOld) await sleep(100)
        return text
      },
    })
    if (made === undefined) return
    const begun = new Promise<void>((resolve) => {
      hasBegun = resolve
    })
    const first = made.ask('/a')
    await begun
    await made.pages.purge('http://example.com/a')
    isOld = false
    await first
    for (let round = 0; round < 20; round++) {
      assert.ok(text(await made.ask('/a')).endsWith('new'), `round ${round}`)
      await sleep(5)
    }
  })

  test('serves no page between its purge and the next render', async (t) => {
    let version = 0
    const made = await rig(t, 'plain.conf', { render: async () => `version ${version}` })
    if (made === undefined) return
    for (version = 0; version < 20; version++) {
      await made.pages.purge('http://example.com/a')
      const seen = await Promise.all([1, 2, 3].map(async () => text(await made.ask('/a'))))
      assert.ok(
        seen.every((one) => one.endsWith(`version ${version}`)),
        seen.map((one) => one.slice(-12)).join(),
      )
    }
  })
})
