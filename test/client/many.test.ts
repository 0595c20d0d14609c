import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import { startScripted } from '../support/scripted-server.ts'
import { connect, serve } from './support.ts'

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)
const ENTRIES = KEYS.map((key, i) => [key, i] as const)

async function serveThree(
  context: TestContext,
  behaviors: BehaviorsInput,
): Promise<{ servers: EmbeddedServer[]; cache: MemcachedClient }> {
  const servers = await Promise.all([startServer(), startServer(), startServer()])
  context.after(() => Promise.all(servers.map((server) => server.close())))
  const addresses = servers.map((server) => server.address)
  return { servers, cache: connect(context, addresses, behaviors) }
}

/** Kills one host and returns the keys that were placed on it. */
async function killOne(servers: EmbeddedServer[], cache: MemcachedClient): Promise<Set<string>> {
  const [victim] = servers
  assert.ok(victim)
  const mine = new Set(KEYS.filter((key) => cache.locate(key).server === victim.address))
  assert.ok(mine.size > 30 && mine.size < 200)
  await victim.kill()
  return mine
}

test('getMany sends each host the keys that are placed on it', async (context) => {
  const { servers, cache } = await serveThree(context, {
    requestTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  })
  assert.ok([...(await cache.setMany(ENTRIES)).values()].every((stored) => stored))
  assert.equal(
    servers.reduce((items, server) => items + server.items, 0),
    KEYS.length,
  )
  assert.ok(servers.every((server) => server.items > 30))
  assert.deepEqual([...(await cache.getMany(KEYS))], ENTRIES)
  const deleted = await cache.deleteMany(KEYS)
  assert.deepEqual(
    [...deleted.values()],
    KEYS.map(() => true),
  )
})

test('getMany asks the fallback hosts for the keys of a dead host, without an error', async (context) => {
  const { servers, cache } = await serveThree(context, { requestTimeoutMs: 2000 })
  await cache.setMany(ENTRIES)
  const lost = await killOne(servers, cache)
  const found = await cache.getManyDetailed(KEYS)
  assert.equal(found.failed.size, 0)
  assert.deepEqual(
    [...found.keys()],
    KEYS.filter((key) => !lost.has(key)),
  )
  const stored = await cache.setMany(ENTRIES)
  assert.equal(stored.failed.size, 0)
  assert.deepEqual([...(await cache.getMany(KEYS))], ENTRIES)
})

test('getMany with failover off lists the keys of a dead host as failed and returns the others', async (context) => {
  const behaviors = { failover: 'error', requestTimeoutMs: 300, retryTimeoutMs: 60_000 } as const
  const { servers, cache } = await serveThree(context, behaviors)
  await cache.setMany(ENTRIES)
  const lost = await killOne(servers, cache)
  const found = await cache.getManyDetailed(KEYS)
  assert.deepEqual(new Set(found.failed.keys()), lost)
  assert.equal(found.size + found.failed.size, KEYS.length)
  for (const error of found.failed.values()) {
    assert.match(error.code, /^MINTRING_(CONNECTION|HOST_EJECTED|TIMEOUT)$/)
  }
  assert.equal((await cache.getMany(KEYS)).size, KEYS.length - lost.size)
  await assert.rejects(cache.getMany([...lost]), /./)
  const stored = await cache.setMany(ENTRIES)
  assert.deepEqual(new Set(stored.failed.keys()), lost)
  const deleted = await cache.deleteMany(KEYS)
  assert.deepEqual(new Set(deleted.failed.keys()), lost)
})

test('getMany with failover as a miss returns misses, not failures, for the keys of an ejected host', async (context) => {
  const behaviors = { failover: 'miss', requestTimeoutMs: 300, retryTimeoutMs: 60_000 } as const
  const { servers, cache } = await serveThree(context, behaviors)
  await cache.setMany(ENTRIES)
  const lost = await killOne(servers, cache)
  const found = await cache.getManyDetailed(KEYS)
  assert.equal(found.failed.size, 0)
  assert.equal(found.size, KEYS.length - lost.size)
  const stored = await cache.setMany(ENTRIES)
  assert.equal(stored.failed.size, 0)
  assert.deepEqual(new Set(KEYS.filter((key) => stored.get(key) === false)), lost)
})

test('getMany with onError: miss turns failed keys into misses, and counts them', async (context) => {
  const behaviors = { failover: 'error', onError: 'miss', requestTimeoutMs: 300 } as const
  const { servers, cache } = await serveThree(context, behaviors)
  const lost = await killOne(servers, cache)
  assert.deepEqual(await cache.getMany([...lost]), new Map())
  assert.equal(cache.forgivenErrors, lost.size)
})

test('a batch without keys resolves to an empty result, without I/O', async (context) => {
  const { server, cache } = await serve(context)
  assert.equal((await cache.getMany([])).size, 0)
  assert.equal((await cache.setMany([])).size, 0)
  assert.equal((await cache.deleteMany(new Set<string>())).size, 0)
  assert.equal(server.connections, 0)
})

test('getMany fails only the key whose value cannot be decoded', async (context) => {
  const { cache } = await serve(context)
  await cache.setMany({ a: 1, c: 3 })
  await cache.raw('b', 'set', 'b', 9, 0, 1, Buffer.from('{'))
  const found = await cache.getManyDetailed(['a', 'b', 'c'])
  assert.deepEqual(
    [...found],
    [
      ['a', 1],
      ['c', 3],
    ],
  )
  assert.equal(found.failed.get('b')?.code, 'MINTRING_BAD_VALUE')
})

test('getMany sends keys with the prefix, and returns them without it', async (context) => {
  const { server, cache } = await serve(context, { keyPrefix: 'app:' })
  const bare = connect(context, [server.address])
  await cache.setMany({ a: 1 })
  assert.deepEqual(await cache.getMany(['a']), new Map([['a', 1]]))
  assert.deepEqual(await bare.getMany(['a', 'app:a']), new Map([['app:a', 1]]))
})

test('setMany and getMany of 50,000 keys lose and refuse none', async (context) => {
  const { cache } = await serve(context, { requestTimeoutMs: 5000 })
  const entries = Array.from({ length: 50_000 }, (_, i) => [`k${i}`, i] as const)
  const stored = await cache.setMany(entries)
  assert.equal(stored.size, entries.length)
  assert.equal(stored.failed.size, 0)
  const found = await cache.getMany(entries.map(([key]) => key))
  assert.equal(found.size, entries.length)
  assert.equal(found.get('k49999'), 49_999)
})

test('a value for a key that was not requested closes the connection and reaches no caller', async (context) => {
  const { server, cache } = await serve(context, { requestTimeoutMs: 300 })
  await server.inject({ garbage: 'VALUE other 1 1\r\nx\r\nEND\r\n' })
  const found = await cache.getManyDetailed(['a', 'b'])
  assert.equal(found.size, 0)
  assert.equal(found.failed.size, 2)
})

/** A host that accepts a batch, resets the connection without a reply, and stays down. */
async function connectToVanishing(
  context: TestContext,
  behaviors: BehaviorsInput,
): Promise<MemcachedClient> {
  const server = await startScripted((line, socket) => {
    if (line !== 'last') return
    socket.resetAndDestroy()
    void server.close()
  })
  const cache = connect(context, `127.0.0.1:${server.port}`, behaviors)
  await cache.version()
  return cache
}

test('setMany reports each key as sent when the connection ends before the reply and the host stays down', async (context) => {
  const cache = await connectToVanishing(context, { retries: 1 })
  const { failed } = await cache.setMany({ a: 'first', b: 'last' })
  assert.deepEqual(
    [...failed].map(([key, error]) => [key, error.sent]),
    [
      ['a', true],
      ['b', true],
    ],
  )
})

test('setMany that is aborted while it waits to be retried rejects as sent', async (context) => {
  const cache = await connectToVanishing(context, { requestTimeoutMs: 5_000 })
  const signal = AbortSignal.timeout(50)
  await assert.rejects(cache.setMany({ a: 'first', b: 'last' }, { signal }), {
    code: 'MINTRING_ABORTED',
    sent: true,
  })
})

/** A client whose decoding of objects never resolves. */
async function connectToEndless(context: TestContext): Promise<MemcachedClient> {
  const serializer = {
    serialize: (value: unknown) => JSON.stringify(value),
    deserialize: () => new Promise(() => {}),
  }
  const { cache } = await serve(context, { serializer })
  await cache.setMany({ text: 'whole', endless: { one: 1 } })
  return cache
}

test('getMany with a timeout lists the values that were not decoded in time as failed', async (context) => {
  const cache = await connectToEndless(context)
  const found = await cache.getManyDetailed(['text', 'endless'], { timeoutMs: 50 })
  assert.deepEqual([...found], [['text', 'whole']])
  assert.equal(found.failed.get('endless')?.code, 'MINTRING_TIMEOUT')
})

test('getMany rejects when its signal aborts while it decodes a value', async (context) => {
  const cache = await connectToEndless(context)
  const signal = AbortSignal.timeout(50)
  await assert.rejects(cache.getMany(['text', 'endless'], { signal }), { code: 'MINTRING_ABORTED' })
})

test('setMany without a timeout takes as long as its values keep being encoded', async (context) => {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = async (value: unknown): Promise<string> => {
    last = last.then(() => new Promise((resolve) => setTimeout(resolve, 100)))
    await last
    return JSON.stringify(value)
  }
  const serializer = { serialize: inTurn, deserialize: () => 1 }
  const { cache } = await serve(context, { serializer, requestTimeoutMs: 1_000, retries: 0 })
  const entries = Array.from({ length: 12 }, (_, i) => [`k${i}`, {}] as const)
  const stored = await cache.setMany(entries, { ttl: 60 })
  assert.equal(stored.size, 12)
})

test('setMany stores the last value of a key that is given more than once', async (context) => {
  const { cache } = await serve(context)
  const pairs = [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['c', 4],
    ['b', 5],
    ['a', 6],
  ] as const
  const stored = await cache.setMany(pairs)
  assert.deepEqual(
    [...stored],
    [
      ['a', true],
      ['b', true],
      ['c', true],
    ],
  )
  assert.deepEqual(
    [...(await cache.getMany(['a', 'b', 'c']))],
    [
      ['a', 6],
      ['b', 5],
      ['c', 4],
    ],
  )
})

test('setMany reports a key as stored when its first attempt was refused and a later one was not', async (context) => {
  let isFirst = true
  let refused: string | undefined
  const server = await startScripted((line, socket) => {
    const [verb, key] = line.split(' ')
    if (verb !== 'set') return
    if (!isFirst) socket.write('STORED\r\n')
    else if (refused === undefined) {
      refused = key
      socket.write('SERVER_ERROR out of memory storing object\r\n')
    } else {
      isFirst = false
      socket.destroy()
    }
  })
  context.after(() => server.close())
  const cache = connect(context, `127.0.0.1:${server.port}`, { requestTimeoutMs: 5000 })
  const stored = await cache.setMany({ a: 'x', b: 'y' })
  assert.equal(refused, 'a')
  assert.deepEqual(
    [...stored],
    [
      ['a', true],
      ['b', true],
    ],
  )
  assert.equal(stored.failed.size, 0)
})

test('a batch of any size on an idle client never fills the queue of a host, however short', async (context) => {
  const keys = Array.from({ length: 1_000 }, (_, i) => `key:${i}`)
  for (const maxQueuedPerHost of [2, 5, 50]) {
    const { cache } = await serve(context, { maxQueuedPerHost })
    const stored = await cache.setMany(keys.map((key) => [key, 1] as const))
    assert.equal(stored.failed.size, 0)
    assert.equal((await cache.getManyDetailed(keys)).size, keys.length)
    for (const isStored of [true, false]) {
      const deleted = await cache.deleteMany(keys)
      assert.equal(deleted.failed.size, 0)
      assert.ok([...deleted.values()].every((wasThere) => wasThere === isStored))
    }
  }
})
