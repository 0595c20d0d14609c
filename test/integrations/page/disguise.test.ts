import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { html, rig } from './rig.ts'
import { isHit } from './site.ts'

/** Parts of a request that an application may read and that are not in the key. */
const readers: Readonly<Record<string, (request: IncomingMessage) => unknown>> = {
  'a header': ({ headers }) => headers['x-evil'],
  'all headers by spreading them': ({ headers }) => ({ ...headers })['x-evil'],
  'all headers by their JSON': ({ headers }) => JSON.parse(JSON.stringify(headers))['x-evil'],
  'whether it was sent, by in': ({ headers }) => ('x-evil' in headers ? 'evil' : undefined),
  'whether it was sent, by hasOwn': ({ headers }) =>
    Object.hasOwn(headers, 'x-evil') ? 'evil' : undefined,
  'the names of all headers': ({ headers }) =>
    Object.keys(headers).includes('x-evil') ? 'evil' : undefined,
  'the names of all headers by for in'({ headers }) {
    for (const name in headers) if (name === 'x-evil') return 'evil'
    return undefined
  },
  'the header lines': ({ rawHeaders }) => (rawHeaders.includes('x-evil') ? 'evil' : undefined),
  'the distinct headers': ({ headersDistinct }) => headersDistinct['x-evil']?.[0],
}

describe('a page made of a part of the request that is not in the key', () => {
  for (const [name, read] of Object.entries(readers)) {
    test(`is sent only to its visitor: ${name}`, async (t) => {
      const made = await rig(t, (request, response) =>
        html(response, `hello ${read(request) ?? 'all'}`),
      )
      const evil = { headers: { 'x-evil': 'evil' } }
      assert.equal((await made.site.ask('/a', evil)).body.toString(), 'hello evil')
      assert.equal((await made.site.ask('/a')).body.toString(), 'hello all')
      assert.equal((await made.site.ask('/a')).body.toString(), 'hello all')
      assert.equal(made.refused[0], 'request headers')
    })
  }

  test('is not served, even to the sender of that part, once another visitor stored the page', async (t) => {
    const made = await rig(t, ({ headers }, response) =>
      html(response, `hello ${headers['x-evil'] ?? 'all'}`),
    )
    const evil = { headers: { 'x-evil': 'evil' } }
    await made.site.ask('/a', evil)
    await made.site.ask('/a')
    await made.settled('example.com/a')
    const after = await made.site.ask('/a', evil)
    assert.ok(isHit(after))
    assert.equal(after.body.toString(), 'hello all')
  })

  test('does not stop another visitor from rendering the page for all', async (t) => {
    const made = await rig(t, async ({ headers }, response) => {
      await sleep(20)
      response.statusCode = headers['x-long'] === undefined ? 200 : 400
      response.setHeader('Content-Type', 'text/html; charset=utf-8')
      response.end('hello')
    })
    const attack = { headers: { 'x-long': 'x'.repeat(1000) } }
    assert.equal((await made.site.ask('/a', attack)).status, 400)
    const others = await Promise.all([1, 2, 3, 4, 5].map(() => made.site.ask('/a')))
    assert.ok(others.every(({ status }) => status === 200))
    assert.equal(made.rendered.length, 2)
  })

  test('is stored when ignoreHeaders lists the header', async (t) => {
    const options = { ignoredRequestHeaders: ['X-Request-Id'] }
    const made = await rig(
      t,
      ({ headers }, response) => html(response, `hello ${headers['x-request-id'] && 'all'}`),
      options,
    )
    await made.site.ask('/a', { headers: { 'x-request-id': '1' } })
    await made.settled('example.com/a')
  })

  test('is reported to onUncacheable with the header that was read', async (t) => {
    const told: unknown[] = []
    const made = await rig(
      t,
      ({ headers }, response) => html(response, String(headers['user-agent'])),
      { onUncacheable: (reason, address, header) => told.push([reason, address, header]) },
    )
    await made.site.ask('/a', { headers: { 'user-agent': 'a browser' } })
    assert.deepEqual(told, [['request headers', 'example.com/a', 'user-agent']])
  })

  test('is stored with headers that the application did not read', async (t) => {
    const made = await rig(t, (_, response) => html(response, 'hello'))
    await made.site.ask('/a', { headers: { 'x-evil': 'evil', 'user-agent': 'a browser' } })
    await made.settled('example.com/a')
  })
})

describe('the request object of a visitor whose page is stored', () => {
  test('shows the host as in the key, and after the response the host that was sent', async (t) => {
    const hosts: unknown[] = []
    const made = await rig(t, (request, response) => {
      hosts.push(request.headers.host)
      response.once('close', () => setImmediate(() => hosts.push(request.headers.host)))
      html(response, 'hello')
    })
    await made.site.ask('/a', { headers: { host: 'Example.COM.:1337' } })
    await made.settled('example.com/a')
    assert.deepEqual(hosts, ['example.com', 'Example.COM.:1337'])
  })

  test('has the port that the option hosts gives, and other hosts have no stored pages', async (t) => {
    const made = await rig(t, ({ headers }, response) => html(response, `at ${headers.host}`), {
      hosts: ['localhost:3000'],
    })
    const other = await made.site.ask('/a', { headers: { host: 'evil.example' } })
    assert.equal(other.body.toString(), 'at evil.example')
    const ours = await made.site.ask('/a', { headers: { host: 'LOCALHOST:9' } })
    assert.equal(ours.body.toString(), 'at localhost:3000')
    await made.settled('localhost/a')
    assert.equal(await made.stored('evil.example/a'), undefined)
  })

  test('can be changed by the application', async (t) => {
    const made = await rig(t, ({ headers }, response) => {
      headers['x-own'] = 'set here'
      headers['x-evil'] = 'set here too'
      html(response, `${headers['x-own']}, ${headers['x-evil']}`)
    })
    const answer = await made.site.ask('/a', { headers: { 'x-evil': 'evil' } })
    assert.equal(answer.body.toString(), 'set here, set here too')
    await made.settled('example.com/a')
  })
})
