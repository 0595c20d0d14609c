import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { HTML, html, type Render, rig } from './rig.ts'

type Read = (request: IncomingMessage, response: ServerResponse) => unknown

/** Properties of a request and its connection that are neither headers nor in the key. */
const reads: Readonly<Record<string, Read>> = {
  'the port of the visitor': ({ socket }) => socket.remotePort,
  'the address of the visitor': ({ socket }) => socket.remoteAddress,
  'the address, by its old name': ({ connection }) => connection.remoteAddress,
  'the address, through the client': (request) => Reflect.get(request, 'client').remoteAddress,
  'the address, by the response': (_, { socket }) => socket?.remoteAddress,
  'the address, by the connection of the response': (_, { connection }) =>
    connection?.remoteAddress,
  'the address, by the request of the response': (_, response) => response.req.socket.remoteAddress,
  'the family of the address': ({ socket }) => socket.remoteFamily,
  'the own end of the connection': ({ socket }) => `${socket.localAddress}:${socket.localPort}`,
  'both ends by address()': ({ socket }) => JSON.stringify(socket.address()),
  'all fields of the connection': ({ socket }) => Object.keys({ ...socket }).length,
  'how much the visitor sent before': ({ socket }) => socket.bytesRead,
  'how much the visitor was sent before': ({ socket }) => socket.bytesWritten,
  'the handle of the connection': ({ socket }) => typeof Reflect.get(socket, '_handle'),
  'the address, after a method of the socket': ({ socket }) => socket.setNoDelay().remoteAddress,
  'the parser of the connection': ({ socket }) => typeof Reflect.get(socket, 'parser'),
  'the version of HTTP': ({ httpVersion }) => httpVersion,
  'the minor version of HTTP': ({ httpVersionMinor }) => httpVersionMinor,
  'the major version of HTTP': ({ httpVersionMajor }) => httpVersionMajor,
  'the session of TLS': ({ socket }) => (socket as TLSSocket).getSession,
  'the certificate of the visitor': ({ socket }) => (socket as TLSSocket).getPeerCertificate,
  'whether the visitor has a certificate': ({ socket }) => (socket as TLSSocket).authorized,
  'the name asked for in TLS': ({ socket }) => Reflect.get(socket, 'servername'),
  'the protocol agreed in TLS': ({ socket }) => Reflect.get(socket, 'alpnProtocol'),
}

const VIEWER = Symbol('viewer')

/** Fields that middleware before the page cache may have set on a request. */
const made: Readonly<Record<string, unknown>> = {
  cookies: { id: '1' },
  signedCookies: Object.assign(Object.create(null), { id: '1' }),
  session: { user: 'ada' },
  user: new Map([['name', 'ada']]),
  language: 'de',
  t: (text: string) => text,
  rights: ['read'],
}

describe('a page made of properties of the connection', () => {
  for (const [name, read] of Object.entries(reads)) {
    test(`is sent only to its visitor: ${name}`, async (t) => {
      const { site, refused, stored } = await rig(t, async (request, response) => {
        await sleep(1)
        html(response, `hello ${read(request, response)}`)
      })
      await site.ask('/a')
      await site.ask('/a')
      await sleep(5)
      assert.equal(await stored('example.com/a'), undefined)
      assert.equal(refused[0], 'request fields')
    })
  }

  test('is stored when the application read only the state of the connection', async (t) => {
    const render: Render = ({ socket }, response) => {
      socket.setNoDelay(true)
      assert.ok(socket.readable && !socket.destroyed)
      // As Node 24.21 itself does at setHeader().
      assert.ok('server' in socket && socket.server !== undefined)
      socket.once('close', () => {})
      html(response, `hello ${response.socket?.writable}`)
    }
    const { site, settled } = await rig(t, render)
    await site.ask('/a')
    await settled('example.com/a')
  })

  test('is stored when the options ignore the field', async (t) => {
    const render: Render = ({ socket }, response) => html(response, `hello ${socket.remoteAddress}`)
    const { site, settled } = await rig(t, render, { ignoredRequestFields: ['remoteAddress'] })
    await site.ask('/a')
    await settled('example.com/a')
  })

  test('is stored when the field is read after the response was sent', async (t) => {
    const logged: unknown[] = []
    const render: Render = ({ socket }, response) => {
      response.once('finish', () => logged.push(socket.remoteAddress))
      html(response, 'hello')
      logged.push(socket.remotePort)
    }
    const { site, settled } = await rig(t, render)
    await site.ask('/a')
    await settled('example.com/a')
    assert.equal(logged.length, 2)
  })

  test('is not stored when the field is read to set a header while headers are sent', async (t) => {
    const { site, refused } = await rig(t, ({ socket }, response) => {
      const { writeHead } = response
      // The package on-headers replaces writeHead in the same way.
      response.writeHead = ((...args: unknown[]) => {
        response.setHeader('X-Seen', String(socket.remoteAddress))
        return Reflect.apply(writeHead, response, args)
      }) as typeof writeHead
      response.setHeader('Content-Type', HTML)
      response.end('hello')
    })
    assert.ok((await site.ask('/a')).headers['x-seen'])
    assert.deepEqual(refused, ['request fields'])
  })

  test('is reported to onUncacheable with the field that was read', async (t) => {
    const told: unknown[] = []
    const { site } = await rig(
      t,
      ({ socket }, response) => html(response, `${socket.remotePort}`),
      {
        onUncacheable: (reason, address, field) => told.push([reason, address, field]),
      },
    )
    await site.ask('/a')
    assert.deepEqual(told, [['request fields', 'example.com/a', 'remotePort']])
  })

  test('is sent only to its visitor, over HTTP/2 too', async (t) => {
    const streams: Record<string, (stream: http2.ServerHttp2Stream) => unknown> = {
      id: ({ id }) => id,
      session: ({ session }) => session?.remoteSettings,
    }
    const { pages, refused } = await rig(t, () => {})
    const server = http2.createServer((request, response) => {
      pages(request, response, () => {
        const read = streams[request.url.slice(1)]
        response.setHeader('Content-Type', HTML)
        response.end(`hello ${read ? read(request.stream) : request.socket.remotePort}`)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    t.after(() => {
      client.close()
      server.close()
    })
    for (const path of ['/id', '/session', '/port']) {
      const asked = client.request({ ':path': path, ':authority': 'example.com' }).end().resume()
      await once(asked, 'end')
    }
    assert.deepEqual(refused, Array(3).fill('request fields'))
  })
})

describe('a page made of fields that earlier middleware set on the request', () => {
  for (const [name, value] of Object.entries(made)) {
    const before = (response: ServerResponse): void => {
      Object.assign(response.req, { [name]: value })
    }
    test(`is sent only to its visitor: request.${name}`, async (t) => {
      const render: Render = (request, response) => {
        html(response, `hello ${typeof Reflect.get(request, name)}`)
      }
      const { site, refused } = await rig(t, render, {}, before)
      await site.ask('/a')
      assert.deepEqual(refused, ['request fields'])
    })

    test(`is stored when the application does not read it: request.${name}`, async (t) => {
      const render: Render = (_, response) => html(response, 'hello')
      const { site, settled } = await rig(t, render, {}, before)
      await site.ask('/a')
      await settled('example.com/a')
    })
  }

  test('is stored when the fields that earlier middleware set are empty', async (t) => {
    const before = (response: ServerResponse): void => {
      Object.assign(response.req, { cookies: {}, signedCookies: Object.create(null), user: null })
    }
    const render: Render = (request, response) => {
      html(response, `hello ${Reflect.get(request, 'user')} ${Reflect.get(request, 'cookies')}`)
    }
    const { site, settled } = await rig(t, render, {}, before)
    await site.ask('/a')
    await settled('example.com/a')
  })

  test('is stored when only that middleware, and not the application, reads the field while the response is sent', async (t) => {
    const before = (response: ServerResponse): void => {
      Object.assign(response.req, { session: { user: 'ada' } })
      const { end } = response
      response.end = ((...args: unknown[]) => {
        assert.ok(Reflect.get(response.req, 'session'))
        return Reflect.apply(end, response, args)
      }) as typeof end
    }
    const { site, settled } = await rig(t, (_, response) => html(response, 'hello'), {}, before)
    await site.ask('/a')
    await settled('example.com/a')
  })

  test('is sent only to its visitor when the value is in response.locals', async (t) => {
    const before = (response: ServerResponse): void => {
      Object.assign(response, { locals: { user: 'ada' } })
    }
    const render: Render = (_, response) => {
      html(response, `hello ${Reflect.get(response, 'locals').user}`)
    }
    const { site, refused } = await rig(t, render, {}, before)
    await site.ask('/a')
    assert.deepEqual(refused, ['request fields'])
  })

  const left: Readonly<Record<string, (response: ServerResponse) => void>> = {
    'a field of the response': (response) => void Object.assign(response, { viewer: 'ada' }),
    'a field that is not enumerable': ({ req }) =>
      void Object.defineProperty(req, 'viewer', { value: 'ada', configurable: true }),
    'a getter': ({ req }) =>
      void Object.defineProperty(req, 'viewer', { get: () => 'ada', configurable: true }),
    'a getter that cannot be replaced': ({ req }) =>
      void Object.defineProperty(req, 'viewer', { get: () => 'ada' }),
    'a field named by a symbol': ({ req }) => void Object.assign(req, { [VIEWER]: 'ada' }),
    'a header of the response': (response) => void response.setHeader('X-Viewer', 'ada'),
  }
  const readers: readonly Read[] = [
    (request, response) => Reflect.get(request, 'viewer') ?? Reflect.get(response, 'viewer'),
    (request) => Reflect.get(request, VIEWER),
    (_, response) => response.getHeader('x-viewer'),
    (_, response) => response.hasHeader('x-viewer'),
    (_, response) => JSON.stringify(response.getHeaders()),
    (_, response) => response.getHeaderNames().length,
  ]
  for (const [name, before] of Object.entries(left)) {
    test(`is sent only to its visitor: ${name}`, async (t) => {
      const render: Render = (request, response) => {
        html(response, `hello ${readers.map((read) => read(request, response))}`)
      }
      const { site, refused } = await rig(t, render, {}, before)
      await site.ask('/a')
      assert.deepEqual(refused, ['request fields'])
    })
  }

  test('is stored when the application sets a header again that earlier middleware set', async (t) => {
    const before = (response: ServerResponse): void => void response.setHeader('X-Viewer', 'ada')
    const render: Render = (_, response) => {
      response.setHeader('X-Viewer', 'all')
      html(response, `hello ${response.getHeader('x-viewer')}`)
    }
    const { site, settled } = await rig(t, render, {}, before)
    await site.ask('/a')
    await settled('example.com/a')
  })

  test('is rendered from a request whose connection util.inspect() does not show', async (t) => {
    const render: Render = ({ socket }, response) => {
      html(response, inspect(socket, { depth: 5, showHidden: true }))
    }
    const { site, settled } = await rig(t, render, {}, ({ socket }) => void socket?.remotePort)
    const { body } = await site.ask('/a')
    await settled('example.com/a')
    assert.doesNotMatch(body.toString(), /port|127\.0\.0\.1/)
  })
})
