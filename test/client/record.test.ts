import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { BatchMessage, CommandMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { PATIENT, serve } from './support.ts'

/**
 * Published records: commands as `get:hit@`, with `@` for a host, and batches with their counts.
 */
function listen(context: TestContext): () => string[] {
  const told: string[] = []
  const command = {
    asyncEnd: (message: CommandMessage) => {
      assert.ok(message.durationMs! >= 0)
      const state = message.state === undefined ? '' : `/${message.state}`
      const host = message.host === undefined ? '' : '@'
      told.push(`${message.command}:${message.outcome}${state}${host}`)
    },
  }
  const batch = {
    asyncEnd: (message: BatchMessage) => {
      const { command: name, outcome, hits, failed, batchSize } = message
      told.push(`[${name}:${outcome} ${hits}/${batchSize} -${failed}]`)
    },
  }
  const commands = tracingChannel<object, CommandMessage>('mintring:command')
  const batches = tracingChannel<object, BatchMessage>('mintring:batch')
  commands.subscribe(command as never)
  batches.subscribe(batch as never)
  context.after(() => {
    commands.unsubscribe(command as never)
    batches.unsubscribe(batch as never)
  })
  return () => told.splice(0)
}

type Step = readonly [what: string, run: (cache: MemcachedClient) => Promise<unknown>, told: string]

const policy = { ttl: 60 }
const load = (): string => 'x'
const loadMany = (keys: readonly string[]): Map<string, unknown> =>
  new Map(keys.map((key) => [key, key.startsWith('no') ? false : 1]))
const fail = (): never => {
  throw new TypeError('secret-key is not there')
}

async function listAll(cache: MemcachedClient): Promise<void> {
  for await (const item of cache.metadump()) assert.ok(item.key)
}

/** Rejects, because the server's version does not have `mgdump`. */
async function listKeys(cache: MemcachedClient): Promise<void> {
  await assert.rejects(cache.mgdump().next(), { code: 'MINTRING_UNSUPPORTED' })
}

async function watchNothing(cache: MemcachedClient): Promise<void> {
  const ending = new AbortController()
  const watching = cache.watch(['evictions'], { signal: ending.signal })
  const end = watching.next()
  setTimeout(() => ending.abort(), 20)
  await assert.rejects(end, { code: 'MINTRING_ABORTED' })
}

const STEPS: readonly Step[] = [
  ['set', (c) => c.set('a', 'x'), 'set:ok@'],
  ['get', (c) => c.get('a'), 'get:hit@'],
  ['get of nothing', (c) => c.get('none'), 'get:miss@'],
  ['set of false', (c) => c.set('false', false), 'set:ok@'],
  ['get of false', (c) => c.get('false'), 'get:hit@'],
  ['gets', (c) => c.gets('a'), 'gets:hit@'],
  ['gets of nothing', (c) => c.gets('none'), 'gets:miss@'],
  ['gat', (c) => c.gat('a', 60), 'gat:hit@'],
  ['gats', (c) => c.gats('a', 60), 'gats:hit@'],
  ['gat of nothing', (c) => c.gat('none', 60), 'gat:miss@'],
  ['cas of another version', (c) => c.cas('a', 'y', 999_999n), 'cas:refused@'],
  ['cas of nothing', (c) => c.cas('none', 'y', 1n), 'cas:refused@'],
  ['add', (c) => c.add('a', 'y'), 'add:refused@'],
  ['add of a new key', (c) => c.add('new', 'y'), 'add:ok@'],
  ['replace', (c) => c.replace('none', 'y'), 'replace:refused@'],
  ['append', (c) => c.append('a', 'y'), 'append:ok@'],
  ['prepend to nothing', (c) => c.prepend('none', 'y'), 'prepend:refused@'],
  ['incr of nothing', (c) => c.incr('none'), 'incr:refused@'],
  ['incr with initial', (c) => c.incr('count', 1, { initial: 5 }), 'incr:ok@'],
  ['decr with initial', (c) => c.decr('count', 1, { initial: 5 }), 'decr:ok@'],
  ['incr of text', (c) => c.incr('a').catch(() => {}), 'incr:refused@'],
  ['touch', (c) => c.touch('a', 60), 'touch:ok@'],
  ['touch of nothing', (c) => c.touch('none', 60), 'touch:refused@'],
  ['delete of nothing', (c) => c.delete('none'), 'delete:refused@'],
  ['meta.mg', (c) => c.meta.mg('a', { v: true }), 'mg:hit@'],
  ['meta.mg of nothing', (c) => c.meta.mg('none', { v: true }), 'mg:miss@'],
  ['meta.md of nothing', (c) => c.meta.md('none'), 'md:refused@'],
  ['getMany', (c) => c.getMany(['a', 'false', 'none']), 'get:ok@ [getMany:hit 2/3 -0]'],
  ['getManyDetailed', (c) => c.getManyDetailed(['none']), 'get:ok@ [getMany:miss 0/1 -0]'],
  ['setMany', (c) => c.setMany({ b: false, d: 0 }), 'set:ok@ [setMany:ok 2/2 -0]'],
  ['deleteMany', (c) => c.deleteMany(['b', 'none']), 'delete:ok@ [deleteMany:refused 1/2 -0]'],
  ['getOrSet that loads', (c) => c.getOrSet('r', load, policy), 'getOrSet:miss/miss@'],
  ['getOrSet that hits', (c) => c.getOrSet('r', load, policy), 'getOrSet:hit/fresh@'],
  ['getOrSetEntry', (c) => c.getOrSetEntry('r', load, policy), 'getOrSet:hit/fresh@'],
  ['invalidate', (c) => c.invalidate('r', { staleWhileRevalidate: 60 }), 'invalidate:ok@'],
  ['getOrSet of stale', (c) => c.getOrSet('r', load, policy), 'getOrSet:stale/stale@'],
  ['invalidate of nothing', (c) => c.invalidate('none'), 'invalidate:refused@'],
  [
    'invalidate of several',
    (c) => c.invalidate(['r', 'none']),
    'invalidate:ok@ invalidate:refused@ [invalidate:refused 1/2 -0]',
  ],
  ['invalidateTags', (c) => c.invalidateTags(['a', 'b']), '[invalidateTags:ok 2/2 -0]'],
  ['tagVersions', (c) => c.tagVersions(['a', 'b']), '[tagVersions:ok 2/2 -0]'],
  ['refresh', (c) => c.refresh('r', load, policy), 'refresh:ok/miss@'],
  [
    'getOrSet whose loader fails',
    (c) => c.getOrSet('bad', fail, policy).catch(() => {}),
    'getOrSet:loaderError@',
  ],
  [
    'getOrSetMany',
    (c) => c.getOrSetMany(['r', 'no1', 'no2'], loadMany, policy),
    'mg:ok@ [getOrSetMany:hit 1/3 -0]',
  ],
  [
    'getOrSetMany of values that are false',
    (c) => c.getOrSetMany(['no1', 'no2'], loadMany, policy),
    'mg:ok@ [getOrSetMany:hit 2/2 -0]',
  ],
  [
    'getOrSetMany whose loader fails',
    (c) => c.getOrSetMany(['bad1', 'bad2'], fail, policy).catch(() => {}),
    'mg:ok@ [getOrSetMany:loaderError 0/2 -2]',
  ],
  [
    'define.get',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).get(),
    'getOrSet:miss/miss@',
  ],
  [
    'define.refresh',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).refresh(),
    'refresh:ok/miss@',
  ],
  [
    'define.invalidate',
    (c) => c.define({ key: 'def', loader: load, ttl: 60 }).invalidate(),
    'invalidate:ok@',
  ],
  ['warm', (c) => c.warm(['w1', 'w2'], load), 'set:ok@ set:ok@ [warm:ok 2/2 -0]'],
  ['version', (c) => c.version(), 'version:ok@'],
  ['stats', (c) => c.stats(), 'stats:ok@'],
  ['verbosity', (c) => c.verbosity(1), 'verbosity:ok@'],
  ['cacheMemlimit', (c) => c.cacheMemlimit(64), 'cache_memlimit:ok@'],
  ['slabs', (c) => c.slabs({ automove: 0 }), 'slabs:ok@'],
  ['lru', (c) => c.lru({ tempTtlSeconds: -1 }), 'lru:ok@'],
  ['lruCrawler', (c) => c.lruCrawler({ enabled: true }), 'lru_crawler:ok@'],
  ['watch', watchNothing, 'watch:aborted@'],
  ['raw', (c) => c.raw('a', 'mn'), 'raw:ok@'],
  ['metadump', listAll, 'metadump:ok@'],
  ['mgdump', listKeys, 'mgdump:error@'],
  ['flushAll', (c) => c.flushAll(), 'flush_all:ok@'],
  ['get with a signal that fires', getAborted, 'get:aborted@'],
]

async function getAborted(cache: MemcachedClient): Promise<void> {
  const ending = new AbortController()
  const asked = cache.get('a', { signal: ending.signal })
  ending.abort()
  await assert.rejects(asked, { code: 'MINTRING_ABORTED' })
}

test('every verb is published on its channel, with its true outcome', async (context) => {
  const told = listen(context)
  const { cache } = await serve(context, PATIENT)
  for (const [what, run, expected] of STEPS) {
    await run(cache)
    const all = told()
    for (let i = 0; i < 2_000 && all.join(' ').length < expected.length; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      all.push(...told())
    }
    assert.equal(all.join(' '), expected, what)
  }
})

/** Methods that ask no server, or that publish a series of events instead of one operation. */
const UNTOLD = new Set([
  ...['configure', 'setServers', 'discover', 'hosts', 'locate', 'on', 'off', 'close', 'define'],
  ...['toJSON', 'view', 'shutdown', 'warmFromPrevious'],
])

test('the list of verbs in this file has every method of a client that asks a server', () => {
  const all = Object.getOwnPropertyNames(MemcachedClient.prototype)
  const { prototype } = MemcachedClient as { prototype: object }
  const methods = all.filter((name) => {
    const { value } = Object.getOwnPropertyDescriptor(prototype, name) ?? {}
    return typeof value === 'function' && name !== 'constructor' && !UNTOLD.has(name)
  })
  const asked = [...STEPS.map(([, run]) => String(run)), String(watchNothing)].join()
  const missing = methods.filter((name) => !new RegExp(`\\.${name}\\(`).test(asked))
  assert.deepEqual(missing, [])
})

test('the verbs of a view are published like those of its client', async (context) => {
  const told = listen(context)
  const { cache } = await serve(context, PATIENT)
  const view = cache.view({
    keys: { wireKey: (key) => `view:${key}`, routeKey: (key) => key },
    codec: {
      encode: (value) => ({ body: String(value), flags: 0 }),
      decode: (_flags, body) => body.valueString(),
    },
  })
  await view.set('a', 'x')
  await view.get('a')
  await view.add('a', 'y')
  await view.getManyDetailed(['a', 'b'])
  await view.getOrSetEntry('page', load, policy)
  await view.invalidate('page')
  await view.invalidate('none')
  assert.deepEqual(told(), [
    ...['set:ok@', 'get:hit@', 'add:refused@', 'get:ok@', '[getMany:hit 1/2 -0]'],
    ...['getOrSet:miss/miss@', 'invalidate:ok@', 'invalidate:refused@'],
  ])
})

test('a verb of several commands is published once, under its own name, with the sum of its attempts', async (context) => {
  const { cache } = await serve(context, { ...PATIENT, protocol: 'classic' })
  const told: CommandMessage[] = []
  const hear = (message: unknown): void => void told.push(message as CommandMessage)
  const { asyncEnd } = tracingChannel('mintring:command')
  asyncEnd.subscribe(hear)
  context.after(() => asyncEnd.unsubscribe(hear))
  await cache.incr('count', 1, { initial: 10 })
  await cache.set('there', 'x')
  await cache.add('there', 'twelve bytes')
  assert.deepEqual(
    told.map(({ command, outcome, attempts, bytes }) => [command, outcome, attempts, bytes]),
    // incr() sends `incr` and `add`. A refused add() sends `add`, and then reads the key.
    [
      ['incr', 'ok', 2, 2],
      ['set', 'ok', 1, 1],
      ['add', 'refused', 2, 12],
    ],
  )
})

test('a batch during a handover is published as one message, not also as one message per key', async (context) => {
  const servers = await Promise.all([startServer(), startServer()])
  const addresses = servers.map(({ address }) => address)
  const cache = new MemcachedClient(addresses.slice(0, 1), PATIENT)
  context.after(async () => {
    await cache.close()
    await Promise.all(servers.map((server) => server.close()))
  })
  const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
  await cache.setMany(new Map(keys.map((key) => [key, 'x'])))
  cache.setServers(addresses, { announce: 60, handover: 600 })
  for (let i = 0; i < 2_000 && cache.handover === undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const sums = { command: [0, 0], batch: [0, 0] }
  for (const name of ['command', 'batch'] as const) {
    const { asyncEnd } = tracingChannel(`mintring:${name}`)
    const hear = (message: unknown): void => {
      const { attempts = 0, bytes = 0 } = message as CommandMessage
      assert.ok(attempts > 0)
      sums[name] = [sums[name][0]! + attempts, sums[name][1]! + bytes]
    }
    asyncEnd.subscribe(hear)
    context.after(() => asyncEnd.unsubscribe(hear))
  }
  const told = listen(context)
  await cache.getMany([...keys, 'none'])
  await cache.setMany(new Map(keys.map((key) => [key, 'y'])))
  await cache.deleteMany(keys)
  const all = told()
  const batches = all.filter((text) => text.startsWith('['))
  assert.deepEqual(batches, [
    '[getMany:hit 40/41 -0]',
    '[setMany:ok 40/40 -0]',
    '[deleteMany:ok 40/40 -0]',
  ])
  const commands = new Set(all.filter((text) => !text.startsWith('[')))
  assert.deepEqual([...commands].sort(), ['delete:ok@', 'get:ok@', 'set:ok@'])
  assert.deepEqual(sums.batch, sums.command)
  assert.equal(sums.batch[1], 2 * keys.length)
})

test('the bytes published for a split value are those of all its chunks, for writes and for reads', async (context) => {
  const bytes: Record<string, number | undefined> = {}
  const note = (message: CommandMessage | BatchMessage): void => {
    bytes[message.command] = message.bytes
  }
  const listener = { asyncEnd: note } as never
  for (const name of ['mintring:command', 'mintring:batch']) {
    tracingChannel(name).subscribe(listener)
    context.after(() => tracingChannel(name).unsubscribe(listener))
  }
  await using server = await startServer()
  const patient = { requestTimeoutMs: 10_000, connectTimeoutMs: 10_000 }
  const behaviors = { ...patient, largeValues: 'split', maxItemBytes: 10_000 } as const
  await using cache = new MemcachedClient(server.address, behaviors)
  const value = Buffer.alloc(100_000, 'x')
  const isTold = (name: string): void => {
    const told = bytes[name] ?? 0
    const rest = told - value.length
    assert.ok(rest > 40 && rest < 60, `${name} tells ${told} bytes`)
  }
  await cache.set('key', value)
  isTold('set')
  assert.equal((await cache.get<Buffer>('key'))?.length, value.length)
  isTold('get')
  await cache.setMany({ key: value })
  isTold('setMany')
  await cache.getMany(['key'])
  isTold('getMany')
  assert.equal(bytes.get, bytes.getMany, 'the part of the only host has as many')
})
