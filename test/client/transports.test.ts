import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, suite, type TestContext, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { MemcachedClient } from '../../src/client/client.ts'
import type { MintringError } from '../../src/errors.ts'
import { skipWithoutOption, startMemcached } from '../support/memcached.ts'

/**
 * Certificates of a test authority: a server's for cache.test, a client's, and one of another
 * authority.
 */
interface Authority {
  readonly folder: string
  readonly ca: string
  readonly strangerCa: string
  readonly clientKey: string
  readonly clientCert: string
}

suite('a client of a real memcached with TLS (-Z)', { skip: skipWithoutOption('-Z') }, () => {
  let authority: Authority
  before(() => {
    authority = foundAuthority()
  })

  async function startTls(t: TestContext, verifyMode: 0 | 2): Promise<number> {
    const { folder } = authority
    const files = `ssl_chain_cert=${folder}/server.crt,ssl_key=${folder}/server.key`
    const mode = `ssl_verify_mode=${verifyMode},ssl_ca_cert=${folder}/ca.crt`
    const server = await startMemcached({ args: ['-Z', '-o', `${files},${mode}`] })
    t.after(() => server.stop())
    return server.port
  }

  function connect(t: TestContext, port: number, tls: boolean | ConnectionOptions) {
    const cache = new MemcachedClient([{ host: '127.0.0.1', port, tls }])
    t.after(() => cache.close())
    return cache
  }

  test('connects when authority and name are the expected ones', async (t) => {
    const cache = connect(t, await startTls(t, 0), { ca: authority.ca, servername: 'cache.test' })
    const large = Buffer.alloc(900_000, 'a')
    assert.equal(await cache.set('k', large), true)
    assert.deepEqual(await cache.get('k'), large)
  })

  const mistakes = {
    'its authority is not known': () => ({ servername: 'cache.test' }),
    'another authority is expected': () => ({
      ca: authority.strangerCa,
      servername: 'cache.test',
    }),
    'it is asked for by another name': () => ({ ca: authority.ca, servername: 'other.test' }),
  }
  for (const [what, tls] of Object.entries(mistakes)) {
    test(`refuses the server when ${what}, and sends nothing`, async (t) => {
      const cache = connect(t, await startTls(t, 0), tls())
      await assert.rejects(cache.set('k', 'v'), (error: MintringError) => {
        assert.match(error.code, /^MINTRING_(CONNECTION|NO_HOSTS|TIMEOUT)$/)
        assert.equal(error.sent, false)
        return true
      })
    })
  }

  test('fails against a server without TLS, and a client without TLS fails against one with it', async (t) => {
    const plainClient = connect(t, await startTls(t, 0), false)
    await assert.rejects(plainClient.get('k'))
    const plain = await startMemcached()
    t.after(() => plain.stop())
    await assert.rejects(connect(t, plain.port, { ca: authority.ca }).get('k'))
  })

  test('sends its certificate to a server that asks for it, which refuses a client without one', async (t) => {
    const port = await startTls(t, 2)
    const { ca, clientKey: key, clientCert: cert } = authority
    const cache = connect(t, port, { ca, key, cert, servername: 'cache.test' })
    assert.equal(await cache.set('k', 'v'), true)
    await assert.rejects(connect(t, port, { ca, servername: 'cache.test' }).get('k'))
  })
})

suite('a client of a real memcached with passwords (-Y)', { skip: skipWithoutOption('-Y') }, () => {
  async function startLocked(t: TestContext): Promise<number> {
    const folder = mkdtempSync(join(tmpdir(), 'mintring-auth-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'users')
    writeFileSync(file, 'ada:correct-horse\n')
    const { chmodSync } = await import('node:fs')
    chmodSync(folder, 0o755)
    const server = await startMemcached({ args: ['-Y', file] })
    t.after(() => server.stop())
    return server.port
  }

  test('authenticates every connection with the right password', async (t) => {
    const server = { host: '127.0.0.1', port: await startLocked(t) }
    const cache = new MemcachedClient([{ ...server, username: 'ada', password: 'correct-horse' }])
    t.after(() => cache.close())
    assert.equal(await cache.set('k', 'v'), true)
    assert.equal(await cache.get('k'), 'v')
  })

  test('rejects with MINTRING_AUTH for a wrong password, and does not repeat it', async (t) => {
    const port = await startLocked(t)
    const cache = new MemcachedClient(`memcached://ada:hunter2@127.0.0.1:${port}`)
    t.after(() => cache.close())
    await assert.rejects(cache.get('k'), (error: MintringError) => {
      assert.equal(error.code, 'MINTRING_AUTH')
      assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2/)
      return true
    })
  })

  test('rejects when it has no password', async (t) => {
    const cache = new MemcachedClient(`127.0.0.1:${await startLocked(t)}`)
    t.after(() => cache.close())
    await assert.rejects(cache.get('k'))
  })
})

test('the error of a server that closes the connection on text mentions binary SASL', async (t) => {
  const server = net.createServer((socket) => socket.once('data', () => socket.end()))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const cache = new MemcachedClient(`memcached://ada:hunter2@127.0.0.1:${port}`)
  t.after(() => cache.close())
  await assert.rejects(cache.get('k'), (error: MintringError) => {
    const told = [error.message, (error.cause as Error | undefined)?.message].join()
    assert.match(told, /binary SASL/)
    assert.doesNotMatch(told, /hunter2/)
    return true
  })
})

test('a client connects to IPv6 servers and Unix sockets like any other', async (t) => {
  const { startServer } = await import('../../src/embedded/server.ts')
  const path = join(mkdtempSync(join(tmpdir(), 'mintring-socket-')), 'cache.sock')
  await using unix = await startServer({ path })
  const servers = [`unix:${path}`]
  if (await hasIpv6()) {
    const six = await startServer({ host: '::1' })
    t.after(() => six.close())
    servers.push(`[::1]:${six.port}`)
  } else {
    t.diagnostic('this machine has no IPv6 loopback')
  }
  for (const server of servers) {
    await using cache = new MemcachedClient([server])
    assert.equal(await cache.set('k', server), true)
    assert.equal(await cache.get('k'), server)
  }
  assert.ok(unix.items > 0)
})

function hasIpv6(): Promise<boolean> {
  return new Promise((answer) => {
    const server = net.createServer()
    server.once('error', () => answer(false))
    server.listen(0, '::1', () => server.close(() => answer(true)))
  })
}

function foundAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-tls-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['ca', 'stranger']) {
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
    openssl('req', '-x509', ...newKey, ...out, '-days', '2', '-subj', `/CN=${name}`)
  }
  for (const [name, host] of [
    ['server', 'cache.test'],
    ['client', 'client.test'],
  ]) {
    const request = file(`${name}.csr`)
    const extension = file(`${name}.ext`)
    writeFileSync(extension, `subjectAltName=DNS:${host}\n`)
    openssl(
      ...['req', ...newKey, '-keyout', file(`${name}.key`)],
      ...['-out', request, '-subj', `/CN=${host}`],
    )
    const by = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial']
    openssl(
      ...['x509', '-req', '-in', request, ...by],
      ...['-extfile', extension, '-days', '2', '-out', file(`${name}.crt`)],
    )
  }
  // Readable for all: memcached drops root privileges before it reads the certificates.
  execFileSync('chmod', ['-R', 'a+rX', folder])
  const read = (name: string): string => readFileSync(file(name), 'utf8')
  return {
    folder,
    ca: read('ca.crt'),
    strangerCa: read('stranger.crt'),
    clientKey: read('client.key'),
    clientCert: read('client.crt'),
  }
}
