import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { startServer } from '../../src/embedded/server.ts'
import { until } from '../support/test-cluster.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import { RawClient } from './support.ts'

async function secureClient(port: number): Promise<{ socket: TLSSocket; client: RawClient }> {
  const socket = connect({ port, host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' })
  await once(socket, 'secureConnect')
  return { socket, client: new RawClient(socket) }
}

describe('an embedded server with TLS', () => {
  test('serves commands after a TLS handshake', async () => {
    await using server = await startServer({ tls: { key: KEY, cert: CERTIFICATE } })
    const { socket, client } = await secureClient(server.port)
    assert.equal(socket.authorized, true)
    const value = 'v'.repeat(300_000)
    assert.equal(await client.ask(`set a 0 0 300000\r\n${value}\r\n`), 'STORED\r\n')
    const reply = await client.ask('get a\r\n', 'END\r\n')
    assert.equal(reply, `VALUE a 0 300000\r\n${value}\r\nEND\r\n`)
    client.close()
  })

  test('closes connections of clients without TLS, and keeps serving others', async () => {
    await using server = await startServer({ tls: { key: KEY, cert: CERTIFICATE } })
    const plain = await RawClient.open(server.port)
    await plain.ask('version\r\n')
    assert.notEqual(plain.ended, undefined)
    assert.ok(!plain.received.includes('VERSION'))
    const { client } = await secureClient(server.port)
    assert.equal(await client.ask('mn\r\n'), 'MN\r\n')
    client.close()
  })

  test('requests a client certificate when it is configured to', async () => {
    const tls = { key: KEY, cert: CERTIFICATE, ca: CERTIFICATE, requestCert: true }
    await using server = await startServer({ tls })
    const bare = connect({
      port: server.port,
      host: '127.0.0.1',
      ca: CERTIFICATE,
      servername: 'localhost',
    })
    const stranger = new RawClient(bare)
    await stranger.ask('mn\r\n')
    assert.notEqual(stranger.ended, undefined)
    const known = connect({
      port: server.port,
      host: '127.0.0.1',
      ca: CERTIFICATE,
      servername: 'localhost',
      key: KEY,
      cert: CERTIFICATE,
    })
    const client = new RawClient(known)
    assert.equal(await client.ask('mn\r\n'), 'MN\r\n')
    client.close()
  })

  test('pauses, resets and restarts like a server without TLS', async () => {
    await using server = await startServer({ tls: { key: KEY, cert: CERTIFICATE } })
    const { client } = await secureClient(server.port)
    server.pause()
    client.received = ''
    client.socket.write('mn\r\n')
    const late = connect({
      port: server.port,
      host: '127.0.0.1',
      ca: CERTIFICATE,
      servername: 'localhost',
    })
    const second = new RawClient(late)
    second.socket.write('mn\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(client.received + second.received, '')
    server.resume()
    await until(() => client.received === 'MN\r\n' && second.received === 'MN\r\n')
    await server.inject({ resetAfterBytes: 2 })
    await second.ask('mn\r\n')
    assert.notEqual(second.ended, undefined)
    await server.restart()
    await until(() => client.ended !== undefined)
    await server.heal()
    const again = await secureClient(server.port)
    assert.equal(await again.client.ask('mn\r\n'), 'MN\r\n')
    again.client.close()
  })
})
