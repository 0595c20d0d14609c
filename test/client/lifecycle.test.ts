import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { TYPESCRIPT } from '../support/typescript.ts'
import { connect, serve } from './support.ts'

test('after close() every call rejects, and a second close() does nothing', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5_000 })
  await cache.set('k', 1)
  await cache.close()
  await cache.close()
  while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  for (const attempt of [
    cache.get('k'),
    cache.set('k', 1),
    cache.getMany(['k']),
    cache.setMany({ k: 1 }),
    cache.version(),
    cache.incr('k', 1, { initial: 1 }),
  ]) {
    await assert.rejects(attempt, { code: 'MINTRING_CLOSED' })
  }
})

test('close() lets operations in flight finish', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5000 })
  await cache.set('k', 'v')
  await server.inject({ delayMs: 50 })
  const answer = cache.get('k')
  await cache.close({ drainMs: 2000 })
  assert.equal(await answer, 'v')
})

test('close() lets an operation of several commands send all of them, and refuses later operations', async (context) => {
  const { server, cache } = await serve(context, {
    requestTimeoutMs: 5000,
    largeValues: 'split',
    maxItemBytes: 2048,
    compressAboveBytes: 1000,
  })
  await cache.set('taken', 1)
  await cache.set('page', 'old')
  await server.inject({ delayMs: 20 })
  const large = Buffer.alloc(9000, 7)
  const operations = [
    cache.add('taken', 2),
    cache.set('compressed', 'again and '.repeat(500)),
    cache.set('split', large.toString('base64url').split('').reverse().join('')),
    cache.setMany({ a: 1, b: 2 }),
    cache.incr('count', 1, { initial: 7 }),
    cache.refresh('page', () => 'new', { ttl: 60 }),
    cache.getOrSet('absent', () => 'loaded', { ttl: 60 }),
    cache.getOrSetMany(['c'], () => new Map([['c', 3]]), { ttl: 60 }),
    cache.meta.mg('taken', { v: true }),
  ]
  const closing = cache.close({ drainMs: 5000 })
  for (const late of [
    cache.get('taken'),
    cache.set('k', 1),
    cache.getOrSet('x', () => 1, { ttl: 9 }),
  ]) {
    await assert.rejects(late, { code: 'MINTRING_CLOSED' })
  }
  const ends = await Promise.allSettled(operations)
  assert.deepEqual(
    ends.filter(({ status }) => status === 'rejected'),
    [],
  )
  await closing
  const reader = new MemcachedClient(server.address, { largeValues: 'split' })
  context.after(() => reader.close())
  assert.deepEqual(
    [await reader.get('page'), await reader.get('absent'), await reader.get('c')],
    ['new', 'loaded', 3],
  )
})

test('close() aborts operations that take longer than drainMs', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5000 })
  await cache.set('k', 'v')
  await server.inject({ blackHole: true })
  const answer = assert.rejects(cache.get('k'), { code: 'MINTRING_CLOSED' })
  await cache.close({ drainMs: 20 })
  await answer
})

test('close() with drainMs 0 does not retry the operations it aborts, and opens no connection', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 5000 })
  await cache.set('k', 'v')
  await server.inject({ delayMs: 50 })
  const ends = [cache.set('k', 'w'), cache.get('k')].map((call) =>
    assert.rejects(call, { code: 'MINTRING_CLOSED' }),
  )
  await cache.close({ drainMs: 0 })
  await Promise.all(ends)
  while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 1))
})

test('await using closes a client at the end of its block', async (context) => {
  const server = await startServer()
  context.after(() => server.close())
  const cache = new MemcachedClient([server.address])
  await cache.set('k', 1)
  await cache[Symbol.asyncDispose]()
  await assert.rejects(cache.get('k'), { code: 'MINTRING_CLOSED' })
})

/** Why a test is skipped on Deno: it starts a process with command-line options of Node. */
const skip = 'Deno' in globalThis && 'starts a process with options of Node'

test('a process exits by itself after close(), with no open handles', { skip }, async () => {
  const script = `
    import { MemcachedClient } from './src/client/client.ts'
    import { startServer } from './src/embedded/server.ts'
    const server = await startServer()
    const cache = new MemcachedClient([server.address])
    await cache.set('k', 1)
    await cache.close()
    await server.close()
    console.log('closed', Date.now())
  `
  const args = ['--unhandled-rejections=strict', ...TYPESCRIPT, '--input-type=module', '-e']
  const { stdout } = await promisify(execFile)(process.execPath, [...args, script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    timeout: 20_000,
  })
  assert.ok(Date.now() - Number(stdout.split(' ')[1]) < 1000)
})

test('configure() applies settings to new operations, and returns what changed', async (context) => {
  const { cache } = await serve(context)
  const told: unknown[] = []
  cache.on('configure', (message) => told.push(message.changes))
  cache.configure({ keyPrefix: 'a:', maxItemBytes: 2000 })
  assert.equal(cache.behaviors.keyPrefix, 'a:')
  assert.deepEqual(told, [
    { keyPrefix: { from: '', to: 'a:' }, maxItemBytes: { from: 1_048_576, to: 2000 } },
  ])
  await cache.set('k', 1)
  await assert.rejects(cache.set('k', 'x'.repeat(3000)), { code: 'MINTRING_TOO_LARGE' })
  cache.configure({ keyPrefix: '' })
  assert.equal(await cache.get('a:k'), 1)
})

test('configure() with an invalid change leaves everything as it was', async (context) => {
  const { cache } = await serve(context, { keyPrefix: 'p:' })
  const before = cache.behaviors
  await cache.set('k', 1)
  for (const wrong of [
    { retries: -1 },
    { keyPrefix: 'x:', retryTimeoutMs: Number.NaN },
    { keyPrefix: 'x:', compression: 'lzma' },
    { keyPrefix: 'x:', distribution: 'nowhere' },
  ]) {
    assert.throws(() => cache.configure(wrong as never), { code: 'MINTRING_BAD_BEHAVIOR' })
  }
  assert.equal(cache.behaviors, before)
  assert.equal(await cache.get('k'), 1)
})

test('setServers() without a handover moves keys at once; remaining hosts keep their connections', async (context) => {
  const { server, cache } = await serve(context)
  const other = await startServer()
  context.after(() => other.close())
  await cache.set('k', 1)
  const told: unknown[] = []
  cache.on('configure', (message) => told.push(message.changes))
  cache.setServers([server.address, other.address], { handover: 0 })
  assert.deepEqual(
    cache.hosts().map((host) => host.address),
    [server.address, other.address],
  )
  assert.equal(server.connections, 1)
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
  await cache.setMany(keys.map((key) => [key, key] as const))
  assert.ok(other.items > 20)
  assert.deepEqual(told, [
    { servers: { from: [server.address], to: [server.address, other.address] } },
  ])
  assert.throws(() => cache.setServers([]), { code: 'MINTRING_NO_SERVERS' })
  assert.equal(cache.hosts().length, 2)
})

test('locate() returns the host of a key, and its fallback host when that is ejected', async (context) => {
  const cache = connect(context, ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
  const { server, hash, point, ejected, fallback } = cache.locate('user:1')
  assert.ok(cache.hosts().some((host) => host.name === server))
  assert.ok(Number.isInteger(hash) && Number.isInteger(point))
  assert.equal(ejected, false)
  assert.notEqual(fallback, server)
})

test('util.inspect() and JSON of a client show no credentials', (context) => {
  const servers = ['memcached://ada:opensesame@10.0.0.1:11211']
  const cache = connect(context, servers, { username: 'bob', password: 'hunter2' })
  const shown = inspect(cache, { depth: 20, showHidden: true }) + JSON.stringify(cache)
  assert.doesNotMatch(shown, /opensesame|hunter2/)
  assert.match(shown, /10\.0\.0\.1:11211/)
})

test('a listener that throws does not end the process or the operation', async (context) => {
  const { cache } = await serve(context)
  const warned = once(process, 'warning')
  let heard = 0
  cache.on('configure', () => {
    throw new Error('oops')
  })
  const listener = (): void => {
    heard++
  }
  cache.on('configure', listener)
  cache.configure({ retries: 2 })
  assert.equal(heard, 1)
  cache.off('configure', listener)
  cache.configure({ retries: 1 })
  assert.equal(heard, 1)
  const [warning] = await warned
  assert.match(String(warning), /configure.*oops/)
})

test('a client emits eject and return events', async (context) => {
  const { server, cache } = await serve(context, {
    serverFailureLimit: 1,
    ejectLoneHost: true,
    retryTimeoutMs: 50,
    requestTimeoutMs: 1_000,
    retries: 0,
  })
  await cache.set('k', 1)
  const ejected = new Promise((resolve) => cache.on('eject', resolve))
  const returned = new Promise((resolve) => cache.on('return', resolve))
  await server.kill()
  await assert.rejects(cache.get('k'))
  const message = (await ejected) as { host: string }
  assert.equal(message.host, server.address)
  await server.restart()
  await returned
  assert.equal(await cache.get('k'), undefined)
})

test('fromEnv() reads servers and behaviors from the environment', async (context) => {
  const cache = MemcachedClient.fromEnv({
    MEMCACHED_SERVERS: '10.0.0.1,10.0.0.2:11212',
    MINTRING_RETRY_TIMEOUT_MS: '1234',
  })
  context.after(() => cache.close())
  assert.deepEqual(
    cache.hosts().map((host) => host.address),
    ['10.0.0.1:11211', '10.0.0.2:11212'],
  )
  assert.equal(cache.behaviors.retryTimeoutMs, 1234)
  assert.throws(() => MemcachedClient.fromEnv({}), { code: 'MINTRING_NO_SERVERS' })
})
