import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { MemcachedClient } from '../../../src/client/client.ts'
import { startServer } from '../../../src/embedded/server.ts'
import { takesExtra, withExtra, withoutExtra } from '../../../src/integrations/page/gzip-extra.ts'
import { headersToKeep, nginxDiffersIn } from '../../../src/integrations/page/headers.ts'
import { pageCache } from '../../../src/integrations/page.ts'
import { html, rig } from './rig.ts'
import { isHit, startSite } from './site.ts'

/** Headers that change the meaning of a page, and some that only describe it. */
const KEPT = {
  'Content-Security-Policy': "default-src 'self'",
  'Strict-Transport-Security': 'max-age=15552000',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex',
  'Content-Language': 'de',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Permissions-Policy': 'camera=()',
  Link: '</a.css>; rel=preload',
  ETag: 'W/"1"',
  'Last-Modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
  'X-Own-Thing': 'yes',
}

describe('a response from the page cache', () => {
  test('has the headers of the response that was stored', async (t) => {
    const { site, settled } = await rig(t, (_, response) => html(response, 'hello', KEPT))
    const first = await site.ask('/a')
    await settled('example.com/a')
    const second = await site.ask('/a')
    assert.ok(isHit(second))
    for (const name of Object.keys(first.headers)) {
      if (name === 'date' || name === 'transfer-encoding') continue
      assert.equal(second.headers[name], first.headers[name], name)
    }
    assert.equal(second.body.toString(), 'hello')
  })

  test('tells browsers to clear their cache when the stored page did', async (t) => {
    const clearing = { 'Clear-Site-Data': '"cache"' }
    const { site, settled } = await rig(t, (_, response) => html(response, 'a', clearing))
    await site.ask('/a')
    await settled('example.com/a')
    assert.equal((await site.ask('/a')).headers['clear-site-data'], '"cache"')
  })

  test('has a header with several lines when the page had several', async (t) => {
    const link = ['</a.css>; rel=preload', '</b.css>; rel=preload']
    const { site, settled } = await rig(t, (_, response) => html(response, 'a', { Link: link }))
    await site.ask('/a')
    await settled('example.com/a')
    assert.equal((await site.ask('/a')).headers.link, link.join(', '))
  })

  test('has no header that belongs to one response or connection', async (t) => {
    const own = {
      'X-Request-Id': '1',
      'RateLimit-Remaining': '9',
      'Server-Timing': 'db;dur=3',
      traceparent: '00-a-b-01',
      'CF-Ray': 'a',
      Connection: 'close, X-Hop',
      'X-Hop': 'one',
    }
    const { site, settled } = await rig(t, (_, response) => html(response, 'a', own))
    await site.ask('/a')
    await settled('example.com/a')
    const hit = await site.ask('/a')
    assert.ok(isHit(hit))
    for (const name of Object.keys(own).map((each) => each.toLowerCase())) {
      if (name !== 'connection') assert.equal(hit.headers[name], undefined, name)
    }
  })

  test('has an Age that counts from when the application made it (RFC 9111, 4.2.3)', async (t) => {
    const lifetime = { 'Cache-Control': 'max-age=55', Age: '50' }
    const { site, settled } = await rig(t, ({ url }, response) =>
      html(response, 'hello', url === '/old' ? lifetime : {}),
    )
    for (const path of ['/old', '/new']) {
      await site.ask(path)
      await settled(`example.com${path}`)
    }
    const old = await site.ask('/old')
    assert.ok([50, 51].includes(Number(old.headers.age)), old.headers.age)
    assert.match(String(old.headers['cache-status']), /^mintring; hit; ttl=[45]$/)
    assert.ok([0, 1].includes(Number((await site.ask('/new')).headers.age)))
  })

  test('has an Age that the jitter of the client does not change', async (t) => {
    const server = await startServer()
    const cache = new MemcachedClient(server.address, { jitter: 0.5 })
    const pages = pageCache(cache, { ttl: 1000 })
    const site = await startSite((request, response) => {
      pages(request, response, () => html(response, 'short, without headers of its own'))
    })
    t.after(async () => {
      await site.close()
      await cache.close()
      await server.close()
    })
    for (let page = 0; page < 10; page++) {
      let answer = await site.ask(`/${page}`)
      for (let tries = 0; tries < 200 && !isHit(answer); tries++) {
        await sleep(5)
        answer = await site.ask(`/${page}`)
      }
      const age = Number(answer.headers.age)
      // A ttl shortened by jitter would look like an age of up to 500 seconds.
      assert.ok(isHit(answer) && age >= 0 && age < 60, `age ${answer.headers.age}`)
    }
  })

  test('is a 304 for a visitor who has the page already (RFC 9110, 13.1)', async (t) => {
    const { site, settled, rendered } = await rig(t, (_, response) => html(response, 'a', KEPT))
    await site.ask('/a')
    await settled('example.com/a')
    const asked = {
      'if-none-match': ['"0", W/"1"', '*', '"1"'],
      'if-modified-since': ['Mon, 01 Jan 2024 00:00:00 GMT'],
    }
    for (const [name, values] of Object.entries(asked)) {
      for (const value of values) {
        const answer = await site.ask('/a', { headers: { [name]: value } })
        assert.equal(answer.status, 304, `${name}: ${value}`)
        assert.equal(answer.headers.etag, 'W/"1"')
        assert.equal(answer.body.length, 0)
      }
    }
    const changed = await site.ask('/a', { headers: { 'if-none-match': '"2"' } })
    assert.equal(changed.status, 200)
    assert.deepEqual(rendered, ['/a'])
  })
})

describe('a page is not stored when its response is one', () => {
  const ownHeaders: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'whose policy has a nonce': { 'Content-Security-Policy': "script-src 'nonce-a'" },
    'that is allowed to one origin': { 'Access-Control-Allow-Origin': 'https://a.example' },
    'that is allowed with credentials': { 'Access-Control-Allow-Credentials': 'true' },
    'with a CSRF token': { 'X-CSRF-Token': 'a' },
    'with a session': { 'X-Session-Id': 'a' },
    'with a cart': { 'X-Cart-Id': '7' },
    'with the address of a visitor': { 'X-Real-IP': '203.0.113.7' },
    'that lets nginx send a protected file': { 'X-Accel-Redirect': '/protected/a.pdf' },
    'that lets Apache send a file': { 'X-Sendfile': '/srv/a.pdf' },
    'that signs out': { 'Clear-Site-Data': '"*"' },
    'that signs in': { 'Set-Login': 'logged-in' },
  }
  for (const [name, headers] of Object.entries(ownHeaders)) {
    test(name, async (t) => {
      const made = await rig(t, (_, response) => html(response, 'hello', headers))
      await made.site.ask('/a')
      assert.deepEqual(made.refused, ['headers'])
      assert.equal(await made.stored('example.com/a'), undefined)
    })
  }

  test('whose headers nginx would not send, unless nginxHeaders lists them', async (t) => {
    const { 'X-Frame-Options': frames } = KEPT
    const nginxHeaders = { 'X-Frame-Options': frames }
    const made = await rig(
      t,
      ({ url }, response) =>
        html(response, 'hello', url === '/both' ? { ...nginxHeaders, ETag: '"1"' } : {}),
      { nginxHeaders },
    )
    await made.site.ask('/neither')
    await made.site.ask('/both')
    await made.settled('example.com/both')
    assert.deepEqual(made.refused, ['headers'])
    assert.equal((await made.site.ask('/both')).headers['x-frame-options'], frames)
  })
})

describe('the first header in which nginx would differ', () => {
  const nginx = new Map([['x-frame-options', 'DENY']])
  const differs = (...lines: [string, string][]) => nginxDiffersIn(lines, nginx)

  test('is a header with another value, a surplus one or a missing one', () => {
    assert.equal(differs(['x-frame-options', 'DENY'], ['etag', '"1"']), undefined)
    assert.equal(differs(['x-frame-options', 'SAMEORIGIN']), 'x-frame-options')
    assert.equal(differs(['x-frame-options', 'DENY'], ['link', '</a>']), 'link')
    assert.equal(differs(), 'x-frame-options')
  })
})

describe('headersToKeep', () => {
  test('omits a header that outer middleware sets again, unless its value changed', () => {
    const sent = [
      ['x-frame-options', 'DENY'],
      ['referrer-policy', 'no-referrer'],
    ] as const
    const arrived = [
      ['x-frame-options', 'SAMEORIGIN'],
      ['referrer-policy', 'no-referrer'],
    ] as const
    assert.deepEqual(headersToKeep(sent, arrived), { headers: [['x-frame-options', 'DENY']] })
  })

  test('refuses headers of more than 16 KiB', () => {
    assert.deepEqual(headersToKeep([['x-long', 'x'.repeat(17_000)]], []), { refused: 'too many' })
  })
})

describe('extra bytes in the header of a gzip file', () => {
  const plain = Buffer.from('hello '.repeat(100))

  test('can be read back, and do not change the decompressed content', () => {
    const extra = Buffer.from('{"a":1}')
    const file = withExtra(gzipSync(plain), extra)
    assert.deepEqual(gunzipSync(file), plain)
    const apart = withoutExtra(file)
    assert.deepEqual(apart.extra, extra)
    assert.deepEqual(gunzipSync(apart.gzip), plain)
  })

  test('are undefined in a file without them', () => {
    const file = gzipSync(plain)
    assert.equal(withoutExtra(file).extra, undefined)
    assert.equal(withoutExtra(Buffer.from([0x1f, 0x8b, 8, 4])).extra, undefined)
  })

  test('are refused for a file that already has some', () => {
    assert.ok(takesExtra(gzipSync(plain)))
    assert.ok(!takesExtra(withExtra(gzipSync(plain), Buffer.from('a'))))
    assert.ok(!takesExtra(Buffer.from([0x1f, 0x8b])))
  })
})
