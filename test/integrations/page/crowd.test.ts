import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HTML, html, rig } from './rig.ts'
import { isHit } from './site.ts'

/** Requests the headers of a response that may never end; the connection ends with the test. */
async function headersOf(t: TestContext, port: number, path: string): Promise<number | undefined> {
  const headers = { host: 'example.com' }
  const sent = http.get({ host: '127.0.0.1', port, path, headers, agent: false })
  t.after(() => sent.destroy())
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
  response.resume()
  return response.statusCode
}

describe('visitors of a page that is not stored', () => {
  const unending: Readonly<Record<string, http.OutgoingHttpHeaders>> = {
    'an event stream': { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' },
    'an event stream that says nothing of caches': { 'Content-Type': 'text/event-stream' },
    'a download': { 'Content-Type': 'application/octet-stream' },
    'a large page': { 'Content-Type': HTML, 'Content-Length': 50_000_000 },
    'a page with a cookie': { 'Content-Type': HTML, 'Set-Cookie': 'id=1' },
  }
  for (const [name, headers] of Object.entries(unending)) {
    test(`wait only until the headers arrive: ${name}`, async (t) => {
      const { site, rendered } = await rig(t, (_, response) => {
        response.writeHead(200, headers)
        response.write('the first part of many')
      })
      await headersOf(t, site.port, '/a')
      // A visitor who had to wait would wait as long as the first response takes: for ever.
      await Promise.all([1, 2, 3].map(() => headersOf(t, site.port, '/a')))
      assert.equal(rendered.length, 4)
    })
  }

  test('wait no longer than waitTimeoutMs for a slow page', async (t) => {
    const { site, rendered } = await rig(
      t,
      async (_, response) => {
        response.writeHead(200, { 'Content-Type': HTML })
        response.write('the first half')
        if (rendered.length === 1) await once(response, 'close')
        response.end()
      },
      { waitTimeoutMs: 50 },
    )
    await headersOf(t, site.port, '/a')
    const answer = await site.ask('/a')
    assert.equal(answer.body.toString(), 'the first half')
  })

  test('leave the stale page in the cache for other visitors', async (t) => {
    let isOwn = false
    const made = await rig(
      t,
      (_, response) => html(response, 'hello', isOwn ? { 'Set-Cookie': 'id=1' } : {}),
      { uncacheableTtl: 60 },
    )
    await made.site.ask('/a')
    await made.settled('example.com/a')
    await made.cache.meta.md('example.com/a', { I: true, T: 60 })
    isOwn = true
    assert.ok((await made.site.ask('/a')).headers['set-cookie'])
    for (let i = 0; i < 3; i++) assert.ok(isHit(await made.site.ask('/a')))
    assert.equal(made.rendered.length, 2)
  })

  test('retry one at a time, while the others pass to the application', async (t) => {
    const { site, rendered } = await rig(
      t,
      async (_, response) => {
        if (rendered.length > 1) await sleep(50)
        html(response, 'mine', rendered.length < 12 ? { 'Cache-Control': 'private' } : {})
      },
      { uncacheableTtl: 0.01 },
    )
    await site.ask('/a')
    await sleep(20)
    await Promise.all(Array.from({ length: 10 }, () => site.ask('/a')))
    assert.equal(rendered.length, 11)
  })
})

describe('visitors of a failing application', () => {
  const failing = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    response.writeHead(request.url === '/a' ? 503 : 500, { 'Content-Type': HTML })
    response.end('down')
  }

  test('wait for the one request that retries, and get its page', async (t) => {
    const { site, rendered } = await rig(t, async (request, response) => {
      if (rendered.length === 1) return failing(request, response)
      await sleep(30)
      return html(response, 'hello')
    })
    assert.equal((await site.ask('/a')).status, 503)
    const answers = await Promise.all(Array.from({ length: 100 }, () => site.ask('/a')))
    assert.ok(answers.every(({ status, body }) => status === 200 && body.toString() === 'hello'))
    assert.equal(rendered.length, 2)
  })

  test('all get a response when it keeps failing, and few requests reach it', async (t) => {
    const { site, rendered } = await rig(t, failing)
    const startMs = performance.now()
    const answers = await Promise.all(Array.from({ length: 500 }, () => site.ask('/a')))
    assert.ok(answers.every(({ status }) => status === 503))
    // Back-offs last 250, 500 and 1,000 ms. Each lets 17 requests through: one retry and 16 others.
    const backOffs = Math.ceil(Math.log2((performance.now() - startMs) / 250 + 1))
    assert.ok(rendered.length <= 17 * (backOffs + 1), `${rendered.length} in ${backOffs}`)
    const own = answers.find(({ headers }) => headers['retry-after'] !== undefined)
    assert.equal(own?.headers['cache-control'], 'no-store')
  })

  test('get the stale page, except one visitor per errorBackoff', async (t) => {
    let isDown = false
    const made = await rig(t, (request, response) =>
      isDown ? failing(request, response) : html(response, 'hello'),
    )
    await made.site.ask('/a')
    await made.settled('example.com/a')
    await made.cache.meta.md('example.com/a', { I: true, T: 60 })
    isDown = true
    await made.site.ask('/a')
    const answers = await Promise.all(Array.from({ length: 500 }, () => made.site.ask('/a')))
    assert.ok(answers.every(isHit))
    assert.equal(made.rendered.length, 2)
  })
})

describe('a request handler behind pageCache', () => {
  const bad: Readonly<Record<string, (response: http.ServerResponse) => unknown>> = {
    'that throws': () => {
      throw new Error('a bug')
    },
    'that rejects': () => Promise.reject(new Error('a bug')),
    'that rejects with headers set': async (response) => {
      response.setHeader('Set-Cookie', 'id=1')
      throw new Error('a bug')
    },
  }
  for (const [name, handler] of Object.entries(bad)) {
    for (const method of ['GET', 'HEAD', 'POST']) {
      test(`${name} at a ${method} causes a 500 and a call of onError`, async (t) => {
        const { site, errors } = await rig(t, (_, response) => handler(response))
        const answers = await Promise.all([1, 2, 3].map(() => site.ask('/a', { method })))
        assert.ok(answers.every(({ status }) => status === 500))
        assert.ok(answers.every(({ headers }) => headers['set-cookie'] === undefined))
        assert.deepEqual(new Set(errors.map(String)), new Set(['Error: a bug']))
      })
    }
  }

  test('sends its page when onError and onUncacheable throw or reject', async (t) => {
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', warned)
    t.after(() => process.off('warning', warned))
    const { site } = await rig(
      t,
      (request, response) => {
        if (request.url === '/bug') throw new Error('a bug')
        html(response, 'mine', { 'Set-Cookie': 'id=1' })
      },
      {
        onError: () => {
          throw new Error('no log')
        },
        onUncacheable: () => Promise.reject(new Error('no metrics')) as never,
      },
    )
    assert.equal((await site.ask('/bug')).status, 500)
    assert.equal((await site.ask('/a')).body.toString(), 'mine')
    await sleep(5)
    assert.deepEqual([...new Set(warnings)].sort(), [
      'onError of a page cache failed: no log',
      'onUncacheable of a page cache failed: no metrics',
    ])
  })

  test('that throws in the middle of its response ends the connection', async (t) => {
    const { site, stored, errors } = await rig(t, (_, response) => {
      response.writeHead(200, { 'Content-Type': HTML })
      response.write('the first half')
      throw new Error('a bug')
    })
    await assert.rejects(site.ask('/a'))
    assert.equal(await stored('example.com/a'), undefined)
    assert.equal(errors.length, 1)
  })
})

describe('the memory of a page cache', () => {
  test('is limited while many large pages stream at once', async (t) => {
    let isOpen = false
    const waiting: (() => void)[] = []
    const { site, refused, rendered } = await rig(
      t,
      async (_, response) => {
        response.writeHead(200, { 'Content-Type': HTML })
        response.write('x'.repeat(50_000))
        if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve))
        response.end('end')
      },
      { maxBufferedBytes: 500_000 },
    )
    const asked = Array.from({ length: 30 }, (_, i) => site.ask(`/${i}`))
    while (rendered.length < 30) await sleep(5)
    isOpen = true
    for (const resolve of waiting) resolve()
    const answers = await Promise.all(asked)
    assert.ok(answers.every(({ body }) => body.length === 50_003))
    // Ten pages fit into 500,000 bytes, minus their last chunks.
    assert.ok(refused.filter((reason) => reason === 'too large').length >= 20)
    await site.ask('/0')
    await site.ask('/30')
    assert.ok(refused.length <= 22, 'the room is given back')
  })

  test('is limited while complete pages wait to be gzipped and stored', async (t) => {
    const asked: http.ServerResponse[] = []
    let rendered = 0
    const { site, refused, errors, settled } = await rig(
      t,
      (_, response) => {
        asked.push(response)
        // End the first 30 responses together: each then holds its body until the page is stored.
        if (++rendered >= 30) for (const one of asked.splice(0)) html(one, 'x'.repeat(50_000))
      },
      { maxBufferedBytes: 500_000 },
    )
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => site.ask(`/${i}`)))
    assert.ok(answers.every(({ body }) => body.length === 50_000))
    assert.deepEqual(
      refused,
      Array.from({ length: 20 }, () => 'too large'),
    )
    assert.deepEqual(errors, [])
    for (let i = 0; i < 10; i++) await settled(`example.com/${i}`)
    await site.ask('/40')
    await settled('example.com/40')
    assert.equal(refused.length, 20, 'the room is given back')
  })
})
