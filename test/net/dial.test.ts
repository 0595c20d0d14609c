import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { getRequest } from '../support/plain-verbs.ts'
import { answerGets, startScripted } from '../support/scripted-server.ts'
import { startStopwatch } from '../support/stopwatch.ts'
import { QUICK, sleep, testCluster, until } from '../support/test-cluster.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('a dial tries all addresses of a name in order, within connectTimeoutMs', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const asked: string[] = []
  const client = testCluster(t, [`cache.test:${server.port}`], {
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    resolve: async (host) => {
      asked.push(host)
      return [{ address: '127.0.0.2' }, { address: '127.0.0.3' }, { address: '127.0.0.1' }]
    },
  })
  assert.equal(await client.get('k'), 'value of k')
  assert.deepEqual(asked, ['cache.test'])
})

test('a dial resolves the name again each time, so that a host may move', async (t) => {
  const before = await startScripted(answerGets)
  const moved = net.createServer()
  t.after(() => moved.close())
  let address = '127.0.0.1'
  const client = testCluster(t, [`cache.test:${before.port}`], {
    resolve: async () => [{ address }],
  })
  assert.equal(await client.get('k'), 'value of k')
  const { port } = before
  await before.close()
  moved.listen(port, '127.0.0.7')
  await once(moved, 'listening')
  moved.on('connection', (socket) => {
    socket.setEncoding('latin1').on('data', (text) => {
      for (const line of String(text).split('\r\n')) {
        if (line === 'version') socket.write('VERSION 1.4.0\r\n')
        else if (line === 'mn') socket.write('ERROR\r\n')
        else if (line !== '') answerGets(line, socket)
      }
    })
    t.after(() => socket.destroy())
  })
  address = '127.0.0.7'
  assert.equal(await client.get('k'), 'value of k')
})

test('a DNS server that does not reply gets one query at a time, and callers time out', async (t) => {
  let asked = 0
  const client = testCluster(t, ['cache.test:1'], {
    retries: 0,
    connectTimeoutMs: 50,
    resolve: () => {
      asked++
      return new Promise(() => undefined)
    },
  })
  const waitedMs = startStopwatch(t)
  await assert.rejects(client.get('k'))
  assert.ok(waitedMs() < 250)
  await sleep(700)
  assert.equal(asked, 1)
})

test('a dial connects to a Unix socket and to an IPv6 address', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const upstream = await startScripted(answerGets)
  t.after(() => upstream.close())
  const relay = (socket: net.Socket): void => {
    const far = net.connect(upstream.port, '127.0.0.1')
    socket.pipe(far).pipe(socket)
    socket.on('error', () => far.destroy())
    far.on('error', () => socket.destroy())
  }
  const path = join(folder, 'm.sock')
  const unix = net.createServer(relay).listen(path)
  await once(unix, 'listening')
  t.after(() => unix.close())
  assert.equal(await testCluster(t, [`unix:${path}`]).get('k'), 'value of k')
  const v6 = net.createServer(relay).listen(0, '::1')
  const outcome = await Promise.race([once(v6, 'listening'), once(v6, 'error')])
  if (outcome.length > 0) return t.diagnostic('no IPv6 here')
  t.after(() => v6.close())
  const { port } = v6.address() as net.AddressInfo
  assert.equal(await testCluster(t, [`[::1]:${port}`]).get('k'), 'value of k')
})

test('a dead port is dialled once per back-off step, not by every request', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  let dials = 0
  const client = testCluster(t, [`dead.test:${port}`], {
    autoEjectHosts: false,
    resolve: async () => {
      dials++
      return [{ address: '127.0.0.1' }]
    },
  })
  const endMs = performance.now() + 500
  while (performance.now() < endMs) {
    await Promise.allSettled(Array.from({ length: 20 }, () => client.get('k')))
    await sleep(1)
  }
  assert.ok(dials >= 2 && dials <= 5, `${dials} dials in 500 ms`)
})

test('a server that closes the connection on mn is dialled again without mn', async (t) => {
  const server = await startScripted(
    (line, socket) => {
      if (line === 'version') socket.write('VERSION 0.5.0\r\n')
      else if (line === 'mn') socket.destroy()
      else answerGets(line, socket)
    },
    { greets: false },
  )
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  assert.equal(await client.get('k'), 'value of k')
  const abilities = await client.cluster.hosts[0]?.ready()
  assert.equal(abilities?.meta, false)
  assert.equal(abilities?.proxy, true)
  assert.equal(client.cluster.snapshot()[0]?.failures, 0)
})

test('a server whose connections break during mn is not taken for a proxy', async (t) => {
  let broken = 0
  const server = await startScripted(
    (line, socket) => {
      if (line === 'version') socket.write('VERSION 1.6.18\r\n')
      else if (line === 'mn' && ++broken <= 4) socket.destroy()
      else if (line === 'mn') socket.write('MN\r\n')
      else if (line === 'stats settings') socket.write('END\r\n')
      else answerGets(line, socket)
    },
    { greets: false },
  )
  t.after(() => server.close())
  const client = testCluster(t, [server.port])
  assert.equal(await client.get('k'), 'value of k')
  const abilities = await client.cluster.hosts[0]?.ready()
  assert.equal(abilities?.meta, true)
  assert.equal(abilities?.proxyKind, undefined)
  assert.equal(client.cluster.snapshot()[0]?.failures, 0)
})

test('a host that refuses the password rejects its callers and is not ejected', async (t) => {
  const server = await startScripted(
    (line, socket) => {
      if (line === 'version') socket.write('CLIENT_ERROR unauthenticated\r\n')
      else if (!line.startsWith('set ')) socket.write('CLIENT_ERROR authentication failure\r\n')
    },
    { greets: false },
  )
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { username: 'bob', password: 'hunter2' })
  for (let i = 0; i < 5; i++) {
    await assert.rejects(client.get('k'), isCode('MINTRING_AUTH'))
    await sleep(120)
  }
  assert.equal(client.cluster.snapshot()[0]?.state, 'suspect')
})

/**
 * A TLS server in front of a scripted one, with a certificate for `cache.test` from a new
 * authority.
 */
async function startTls(t: TestContext): Promise<{ port: number; ca: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const subject = ['-subj', '/CN=cache.test', '-addext', 'subjectAltName=DNS:cache.test']
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  execFileSync('openssl', [...request, '-keyout', key, '-out', cert, '-days', '2', ...subject], {
    stdio: 'ignore',
  })
  const upstream = await startScripted(answerGets)
  const server = tls.createServer(
    { key: readFileSync(key), cert: readFileSync(cert) },
    (socket) => {
      const far = net.connect(upstream.port, '127.0.0.1')
      socket.pipe(far).pipe(socket)
      socket.on('error', () => far.destroy())
      far.on('error', () => socket.destroy())
    },
  )
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    return upstream.close()
  })
  return { port: (server.address() as net.AddressInfo).port, ca: readFileSync(cert, 'utf8') }
}

test('TLS verifies the certificate by default, for the name that the caller gave', async (t) => {
  const { port, ca } = await startTls(t)
  const resolve = async () => [{ address: '127.0.0.1' }]
  const patient = { resolve, connectTimeoutMs: 2_000, requestTimeoutMs: 2_000, retries: 0 }
  const good = testCluster(t, [`cache.test:${port}`], { ...patient, tls: { ca } })
  assert.equal(await good.get('k'), 'value of k')
  const large = await Promise.all(Array.from({ length: 3_000 }, (_, i) => good.get(`key${i}`)))
  assert.equal(large[2_999], 'value of key2999')
  for (const [name, tlsOptions] of [
    ['cache.test', true],
    ['other.test', { ca }],
  ] as const) {
    const bad = testCluster(t, [`${name}:${port}`], { ...patient, tls: tlsOptions })
    await assert.rejects(bad.get('k'), isCode('MINTRING_CONNECTION'))
  }
})

test('TLS to a plain server, and to one that stalls in the handshake, times out', async (t) => {
  const plain = await startScripted(() => undefined)
  t.after(() => plain.close())
  const silent = net.createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  silent.on('connection', (socket) => t.after(() => socket.destroy()))
  for (const port of [plain.port, (silent.address() as net.AddressInfo).port]) {
    const client = testCluster(t, [port], { ...QUICK, tls: true, retries: 0 })
    const request = getRequest('k')
    const waitedMs = startStopwatch(t)
    client.cluster.dispatch(request)
    await assert.rejects(request.promise)
    assert.ok(waitedMs() < 350)
  }
})

test('an idle connection that the server closed is reopened without an error', async (t) => {
  const server = await startScripted(answerGets)
  t.after(() => server.close())
  const client = testCluster(t, [server.port], { retries: 0 })
  await client.get('k')
  for (const socket of server.sockets) socket.end()
  await until(() => client.cluster.snapshot()[0]?.lanes === 0)
  assert.equal(client.cluster.snapshot()[0]?.state, 'up')
  assert.equal(await client.get('k'), 'value of k')
})
