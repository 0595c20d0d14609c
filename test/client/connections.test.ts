import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as listen } from 'node:net'
import { describe, it, test } from 'node:test'
import { inspect } from 'node:util'
import { startServer } from '../../src/embedded/server.ts'
import { CERTIFICATE as cert, KEY as key } from '../embedded/certificate.ts'
import { until } from '../support/test-cluster.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { connect, serve } from './support.ts'

describe('the connections of a host', () => {
  it('with min 0 are all closed when idle, and reopened by the next operation', async (context) => {
    const { server, cache } = await serve(context, { connections: { min: 0, max: 2, idleMs: 20 } })
    await cache.set('k', 1)
    await until(() => server.connections === 0)
    assert.equal(await cache.get('k'), 1)
    assert.equal(cache.hosts()[0]?.state, 'up')
    await until(() => server.connections === 0)
  })

  it('with min 3 are reopened when the server closes idle ones', async (context) => {
    const { server, cache } = await serve(context, { connections: { min: 3, max: 4 } })
    await cache.get('k')
    const lanes = (): number => cache.hosts()[0]?.lanes ?? 0
    await until(() => lanes() === 3)
    // A connection that ends soon after it opened counts as a failure of the host.
    await new Promise((resolve) => setTimeout(resolve, 150))
    await server.inject({ resetAfterBytes: 1, times: 1 })
    await cache.get('k')
    await server.heal()
    await until(() => lanes() === 3)
  })

  it('follow a change of their bounds while they are open', async (context) => {
    const { server, cache } = await serve(context, { connections: { min: 1, max: 4 } })
    await cache.get('k')
    cache.configure({ connections: { min: 3 } })
    await until(() => server.connections === 3)
    cache.configure({ connections: { min: 1, max: 1 } })
    await until(() => server.connections === 1)
    assert.equal(await cache.get('k'), undefined)
  })
})

test('with unref a script exits when its own work and its operations have ended', async (context) => {
  const { server } = await serve(context)
  const script = `
    import { MemcachedClient } from './src/index.ts'
    const cache = new MemcachedClient('${server.address}', { unref: true })
    await cache.set('script', 'done')
    console.log(await cache.get('script'))`
  const child = spawn(process.execPath, [...TYPESCRIPT, '--input-type=module', '-e', script])
  let out = ''
  child.stdout.on('data', (text) => {
    out += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.deepEqual([code, out], [0, 'done\n'])
})

test('configure({ tls }) applies to the next connection of existing hosts', async (context) => {
  const server = await startServer()
  const cache = connect(context, [server.address], {
    retries: 0,
    retryTimeoutMs: 20,
    deadTimeoutMs: 40,
  })
  context.after(() => server.close())
  await cache.get('k')
  const { port } = server
  await server.close()
  await using secure = await startServer({ port, tls: { key, cert } })
  const isTold = (error: unknown): boolean =>
    /answers in TLS: use memcacheds|closed the connection before it replied/.test(inspect(error))
  let told = false
  for (let i = 0; i < 100 && !told; i++) told = isTold(await cache.get('k').catch((error) => error))
  assert.ok(told, 'a plain client of a TLS server is told what to do')
  cache.configure({ tls: { ca: cert, servername: 'localhost' } })
  let isStored = false
  for (let i = 0; i < 200 && !isStored; i++) {
    isStored = await cache.set('k', 1).catch(() => false)
    if (!isStored) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.ok(isStored, 'the next connection speaks TLS')
  assert.ok(secure.connections > 0)
})

for (const line of ['SSH-2.0-OpenSSH_9', '220 mail ESMTP', "-ERR unknown command 'version'"]) {
  test(`the error of a host that replies ${line} quotes it and asks about the port`, async (context) => {
    const server = listen((socket) => {
      socket.on('error', () => undefined)
      socket.write(`${line}\r\n`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    context.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const cache = connect(context, [`127.0.0.1:${port}`], { retries: 0 })
    await assert.rejects(cache.get('k'), ({ message }: Error) => {
      return message.includes(`"${line}"`) && message.includes('Is the port right?')
    })
  })
}

test('the error of a host that replies in HTTP says that it is no memcached', async (context) => {
  const web = createServer((_request, response) => response.end()).listen(0, '127.0.0.1')
  await once(web, 'listening')
  context.after(() => web.close())
  const { port } = web.address() as AddressInfo
  const cache = connect(context, [`127.0.0.1:${port}`], { retries: 0 })
  await assert.rejects(cache.get('k'), (error) => {
    return /answers in HTTP: it is no memcached\. Is the port right\?/.test(inspect(error))
  })
})

test('when every host is ejected the error lists the hosts with their reasons', async (context) => {
  const cache = connect(context, ['127.0.0.1:1', '127.0.0.1:2'], { serverFailureLimit: 1 })
  const error = await cache.get('k').then(
    () => assert.fail('nobody is there'),
    (thrown: Error & { code: string }) => thrown,
  )
  assert.equal(error.code, 'MINTRING_NO_HOSTS')
  assert.match(error.message, /^Every host is down, and probed in the background: /)
  for (const port of [1, 2]) {
    const reason = `127.0.0.1:${port} refuses connections (ECONNREFUSED): is memcached running`
    assert.ok(error.message.includes(reason), error.message)
  }
})
