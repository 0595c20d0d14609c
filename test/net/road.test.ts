import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { type BehaviorsInput, MemcachedClient } from '../../src/index.ts'
import { storing } from '../support/host-pair.ts'
import { type Script, startScripted } from '../support/scripted-server.ts'
import { testCluster, until } from '../support/test-cluster.ts'

interface Ends {
  after(end: () => unknown): void
}

/** Long timeouts: calls end only by what the test does. */
const PATIENT: BehaviorsInput = {
  requestTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  retryTimeoutMs: 10_000,
}

async function scripted(t: Ends, script: Script, behaviors: BehaviorsInput = {}) {
  const server = await startScripted(script)
  const client = new MemcachedClient(`127.0.0.1:${server.port}`, { ...PATIENT, ...behaviors })
  t.after(async () => {
    await client.close({ drainMs: 0 })
    await server.close()
  })
  return { server, client }
}

async function embedded(t: Ends, behaviors: BehaviorsInput = {}) {
  const server = await startServer()
  const client = new MemcachedClient(server.address, { ...PATIENT, ...behaviors })
  t.after(async () => {
    await client.close({ drainMs: 0 })
    await server.close()
  })
  return { server, client }
}

async function drained(lines: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of lines);
}

describe('dump and watch', () => {
  test('a dump rejects after connectTimeoutMs when the server sends nothing', async (t) => {
    const server = net.createServer((socket) => socket.on('error', () => undefined)).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    const client = new MemcachedClient(`127.0.0.1:${port}`, {
      connectTimeoutMs: 50,
      retryTimeoutMs: 50,
    })
    t.after(async () => {
      await client.close({ drainMs: 0 })
      server.close()
    })
    await assert.rejects(drained(client.metadump()), { code: 'MINTRING_CONNECTION', sent: false })
    const late = client.watch('fetchers', { signal: AbortSignal.timeout(5) })
    await assert.rejects(drained(late), /MINTRING|abort/)
  })

  test('a watch ends with its signal and with close(), and leaves no connection', async (t) => {
    const { server, client } = await embedded(t)
    const stop = new AbortController()
    const watches = [client.watch('fetchers', { signal: stop.signal }), client.watch('fetchers')]
    const [stopped, closed] = watches.map((watch) => drained(watch).catch((error) => error.code))
    await until(() => server.connections === 3)
    stop.abort()
    assert.equal(await stopped, 'MINTRING_ABORTED')
    await client.close()
    assert.equal(await closed, 'MINTRING_CLOSED')
    await until(() => server.connections === 0)
  })
})

describe('a command of one caller', () => {
  test('fails only its caller when the server closes the connection on it, and is sent twice at most', async (t) => {
    const items = new Map([['other', 'value']])
    const store = storing(items)
    const { server, client } = await scripted(t, (line, socket) => {
      if (line.includes('poison')) socket.destroy()
      else store(line, socket)
    })
    let ejections = 0
    client.on('eject', () => ejections++)
    assert.equal(await client.get('other'), 'value')
    const poison = client.gat('poison', 60).catch((error: unknown) => error as { code: string })
    const others = Array.from({ length: 20 }, () => client.get('other'))
    assert.equal(((await poison) as { code: string }).code, 'MINTRING_CONNECTION')
    assert.deepEqual(new Set(await Promise.all(others)), new Set(['value']))
    assert.equal(server.lines.filter((line) => line.includes('poison')).length, 2)
    assert.equal(ejections, 0)
  })

  test('fails only its caller when the server refuses a raw command with its data', async (t) => {
    const { client } = await embedded(t)
    await client.set('count', '1')
    const refused = client.raw('k', 'set', 'k', 'no-flags', 0, 4, Buffer.from('data'))
    const counts = [client.incr('count'), client.incr('count')]
    await assert.rejects(refused, { code: 'MINTRING_REFUSED' })
    assert.deepEqual(await Promise.all(counts), [2n, 3n])
  })
})

test('all connections to a name with two addresses go to one of them', async (t) => {
  const [first, second] = [await startScripted(storing(new Map())), net.createServer()]
  let strays = 0
  second.on('connection', () => strays++).listen(first.port, '127.0.0.2')
  await once(second, 'listening')
  t.after(() => second.close())
  t.after(() => first.close())
  const addresses = [{ address: '127.0.0.1' }, { address: '127.0.0.2' }]
  const client = testCluster(t, [`cache.test:${first.port}`], {
    connections: { min: 3, max: 3, idleMs: 60_000 },
    requestTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    resolve: async () => {
      const answer = [...addresses]
      addresses.reverse()
      return answer
    },
  })
  await client.get('k')
  await until(() => first.accepted === 3)
  assert.equal(strays, 0)
})

test('a connection that the server is about to close as idle is not written to', async (t) => {
  const store = storing(new Map([['count', '1']]))
  const connections: number[] = []
  const server = await startScripted(
    (line, socket) => {
      if (line.startsWith('incr')) connections.push(socket.remotePort!)
      if (line === 'version') socket.write('VERSION 1.6.18\r\n')
      else if (line === 'mn') socket.write('MN\r\n')
      else if (line === 'stats settings') socket.write('STAT idle_timeout 2\r\nEND\r\n')
      else store(line, socket)
    },
    { greets: false },
  )
  t.after(() => server.close())
  const client = testCluster(t, [server.port], {
    requestTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  })
  await client.incr('count')
  await new Promise((wake) => setTimeout(wake, 1_700))
  await client.incr('count')
  assert.equal(new Set(connections).size, 2)
})

/**
 * ArrayBuffer with the option `maxByteLength`, which this version of TypeScript's library does not
 * declare.
 */
const ResizableBuffer = ArrayBuffer as unknown as new (
  size: number,
  options: { maxByteLength: number },
) => ArrayBuffer

describe('bytes that a caller passes as a value', () => {
  const cases: Readonly<Record<string, () => Uint8Array>> = {
    'that can be resized': () =>
      new Uint8Array(new ResizableBuffer(3_000, { maxByteLength: 9_000 })),
    'that are shared': () => new Uint8Array(new SharedArrayBuffer(3_000)),
    'of a part of a buffer': () => new Uint8Array(new ArrayBuffer(9_000), 100, 3_000),
  }
  for (const [what, make] of Object.entries(cases)) {
    test(`${what} are sent with the announced length, whatever happens to them meanwhile`, async (t) => {
      const { client } = await embedded(t)
      const bytes = make().fill(65)
      const stored = client.set('k', bytes)
      const next = client.incr('count', 1, { initial: 7 })
      const { buffer } = bytes as { buffer: { resizable?: boolean; resize?: (to: number) => void } }
      if (buffer.resizable) buffer.resize!(10)
      const outcome = await stored.catch((error: { code: string }) => error.code)
      // The value was sent with its announced length, so the server reads the next line as a
      // command.
      assert.equal(await next, 7n)
      const found = (await client.get('k')) as Uint8Array | undefined
      const isRefused = outcome === 'MINTRING_BAD_VALUE'
      const told: readonly unknown[] = isRefused ? [undefined] : [10, 3_000]
      assert.ok(told.includes(found?.length), `${outcome}: ${found?.length} bytes`)
    })
  }

  test('reject when they were transferred away, and the next command is read correctly', async (t) => {
    const { client } = await embedded(t)
    const bytes = new Uint8Array(3_000).fill(65)
    const stored = client.set('k', bytes)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    const next = client.incr('count', 1, { initial: 7 })
    await stored.catch((error: { code: string }) => assert.equal(error.code, 'MINTRING_BAD_VALUE'))
    assert.equal(await next, 7n)
  })
})

describe('invalid options of operations', () => {
  const calls: Readonly<
    Record<string, (client: MemcachedClient, options: object) => Promise<unknown>>
  > = {
    get: (client, options) => client.get('k', options),
    getMany: (client, options) => client.getMany(['k'], options),
    set: (client, options) => client.set('k', 1, options),
    setMany: (client, options) => client.setMany({ k: 1 }, options),
    delete: (client, options) => client.delete('k', options),
    deleteMany: (client, options) => client.deleteMany(['k'], options),
    incr: (client, options) => client.incr('k', 1, options),
    touch: (client, options) => client.touch('k', 1, options),
    gat: (client, options) => client.gat('k', 1, options),
    raw: (client, options) => client.raw('k', 'get', 'k', options),
    'meta.mg': (client, options) => client.meta.mg('k', {}, options),
    version: (client, options) => client.version(options),
    flushAll: (client, options) => client.flushAll(options),
    getOrSet: (client, options) => client.getOrSet('k', () => 1, { ttl: 60, ...options }),
  }
  for (const [name, call] of Object.entries(calls)) {
    test(`${name} rejects an invalid timeoutMs (0, NaN, Infinity, text) and an aborted signal before any I/O`, async (t) => {
      const { client, server } = await scripted(t, () => undefined)
      for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40, '5']) {
        await assert.rejects(
          call(client, { timeoutMs }),
          { code: 'MINTRING_BAD_ARGUMENT' },
          String(timeoutMs),
        )
      }
      const fired = { signal: AbortSignal.abort() }
      await assert.rejects(call(client, fired), { code: 'MINTRING_ABORTED' })
      assert.equal(server.accepted, 0)
    })
  }
})

describe('batches with few keys', () => {
  test('send nothing for no keys, and ask once for a key given several times', async (t) => {
    const { server, client } = await scripted(t, storing(new Map([['k', 'v']])))
    assert.equal((await client.getMany([])).size + (await client.setMany({})).size, 0)
    assert.equal((await client.deleteMany([])).size, 0)
    assert.equal(server.accepted, 0)
    assert.deepEqual([...(await client.getMany(['k', 'k', 'k']))], [['k', 'v']])
    assert.deepEqual([...(await client.deleteMany(['k', 'k']))], [['k', true]])
    assert.equal(server.lines.filter((line) => line.includes(' k')).length, 2)
  })
})
