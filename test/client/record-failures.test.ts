import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { BatchMessage, CommandMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { PATIENT, serve } from './support.ts'

const POLICY = { ttl: 60 } as const
const load = (): number => 1
const never = (): Promise<never> => new Promise(() => {})
const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch(() => {})

/** The sockets and timers of a client do not keep a process awake. */
function stayAwake(context: TestContext): void {
  const timer = setInterval(() => {}, 1000)
  context.after(() => clearInterval(timer))
}

/** Published messages as `get:hit`, and of batches as `[getMany:hit 1/2 -0]`. */
function listen(context: TestContext, ...names: ('command' | 'batch')[]) {
  stayAwake(context)
  const messages: (CommandMessage & BatchMessage)[] = []
  for (const name of names) {
    const { asyncEnd } = tracingChannel(`mintring:${name}`)
    const hear = (message: unknown): void => void messages.push(message as never)
    asyncEnd.subscribe(hear)
    context.after(() => asyncEnd.unsubscribe(hear))
  }
  const told = (): string[] =>
    messages.splice(0).map(({ command, outcome, batchSize, hits, failed }) => {
      if (batchSize === undefined) return `${command}:${outcome}`
      return `[${command}:${outcome} ${hits}/${batchSize} -${failed}]`
    })
  return { messages, told }
}

/** Two hosts, of which the second is down, and keys of both. */
async function halfDown(context: TestContext) {
  const [up, down] = await Promise.all([startServer(), startServer()])
  const cache = new MemcachedClient([up.address, down.address], {
    ...{ ...PATIENT, autoEjectHosts: false, retries: 0 },
  })
  context.after(async () => {
    await cache.close()
    await up.close()
  })
  const keys = Array.from({ length: 40 }, (_, i) => `key${i}`)
  const isUp = (key: string): boolean => cache.locate(key).server === up.address
  await Promise.all(keys.map((key) => cache.set(key, 1)))
  await down.close()
  return { cache, keys, up, down, reached: keys.filter(isUp).length }
}

type Call = readonly [what: string, run: (cache: MemcachedClient) => Promise<unknown>, told: string]

const FAILING: readonly Call[] = [
  ['an invalid key', (c) => c.getOrSet('a b', load, POLICY), 'getOrSet:invalid'],
  ['no loader', (c) => c.getOrSet('a', 5 as never, POLICY), 'getOrSet:invalid'],
  ['an invalid policy', (c) => c.getOrSet('a', load, { ttl: -1 }), 'getOrSet:invalid'],
  ['an invalid key to mark', (c) => c.invalidate('a b'), 'invalidate:invalid'],
  ['one to mark among others', (c) => c.invalidate(['a', 'a b']), '[invalidate:invalid 0/2 -2]'],
  ['no value to store', (c) => c.setMany({ a: load }), '[setMany:invalid 0/1 -1]'],
  ['invalid tags', (c) => c.invalidateTags(['']), '[invalidateTags:invalid 0/1 -1]'],
  ['a loaded function', (c) => c.getOrSet('f', () => load, POLICY), 'getOrSet:loaderError'],
]

test('calls with invalid arguments are not published as errors of the cache', async (context) => {
  const { told } = listen(context, 'command', 'batch')
  const { cache } = await serve(context, PATIENT)
  for (const [what, run, expected] of FAILING) {
    await assert.rejects(run(cache))
    assert.deepEqual(told(), [expected], what)
  }
})

/** Long enough for a read on a busy machine. */
const LATE = { ...POLICY, timeoutMs: 1000 } as const

test('callers that leave while their loader runs are not published as errors of the cache', async (context) => {
  const { told } = listen(context, 'command', 'batch')
  const { cache } = await serve(context, PATIENT)
  await cache.getOrSet('warm-up', load, POLICY)
  told()
  const late = {
    code: 'MINTRING_TIMEOUT',
    message: 'No value within 1000 ms: the loader is still running',
  }
  await Promise.all([
    assert.rejects(cache.getOrSet('one', never, LATE), late),
    assert.rejects(cache.refresh('two', never, LATE), late),
    assert.rejects(cache.getOrSetMany(['three'], never, LATE), late),
  ])
  assert.deepEqual(told().sort(), [
    ...['[getOrSetMany:loaderError 0/1 -1]', 'getOrSet:loaderError', 'mg:ok'],
    'refresh:loaderError',
  ])
  await cache.close({ drainMs: 0 })
})

test('a caller that leaves while another client loads is not published as an error of the cache', async (context) => {
  stayAwake(context)
  const { cache, server } = await serve(context, PATIENT)
  const other = new MemcachedClient(server.address, PATIENT)
  context.after(() => other.close({ drainMs: 0 }))
  let isLoading = false
  void swallow(
    other.getOrSet(
      'key',
      () => {
        isLoading = true
        return never()
      },
      POLICY,
    ),
  )
  while (!isLoading) await new Promise((resolve) => setTimeout(resolve, 1))
  await cache.getOrSet('warm-up', load, POLICY)
  const { told } = listen(context, 'command')
  await assert.rejects(cache.getOrSet('key', load, LATE), {
    code: 'MINTRING_TIMEOUT',
    message: 'No value within 1000 ms: another client is still loading it',
  })
  assert.deepEqual(told(), ['getOrSet:loaderError'])
})

test('a caller that leaves while the cache hangs is published as an error of the cache', async (context) => {
  const { cache, server } = await serve(context, PATIENT)
  await cache.get('key')
  await server.pause()
  const { told } = listen(context, 'command')
  await swallow(cache.getOrSet('key', load, { ...POLICY, timeoutMs: 50 }))
  assert.deepEqual(told(), ['getOrSet:error'])
})

test('a batch that failed in part is published with what was done', async (context) => {
  const { cache, keys, reached } = await halfDown(context)
  const { told } = listen(context, 'batch')
  const size = keys.length
  const part = `${reached}/${size} -${size - reached}`
  await cache.getMany(keys)
  await cache.setMany(new Map(keys.map((key) => [key, 1])))
  assert.deepEqual(told(), [`[getMany:partial ${part}]`, `[setMany:partial ${part}]`])
  await Promise.all(keys.map((key) => swallow(cache.getOrSet(key, load, POLICY))))
  await assert.rejects(cache.invalidate(keys), { code: 'MINTRING_CONNECTION' })
  assert.deepEqual(told(), [`[invalidate:partial ${part}]`])
  await assert.rejects(cache.invalidateTags(keys), { code: 'MINTRING_CONNECTION' })
  const [tags] = told()
  const [, done, failed] = /^\[invalidateTags:partial (\d+)\/40 -(\d+)\]$/.exec(tags!)!
  assert.equal(Number(done) + Number(failed), size)
  assert.ok(Number(done) > 0 && Number(failed) > 0)
})

for (const command of ['getMany', 'setMany', 'deleteMany'] as const) {
  test(`a ${command} that is aborted is published with what it had done and sent`, async (context) => {
    const [up, hung] = await Promise.all([startServer(), startServer()])
    const cache = new MemcachedClient([up.address, hung.address], PATIENT)
    context.after(async () => {
      await Promise.all([cache.close({ drainMs: 0 }), up.close(), hung.close()])
    })
    const entries = new Map(Array.from({ length: 40 }, (_, i) => [`key${i}`, 'value']))
    const keys = [...entries.keys()]
    await cache.setMany(entries)
    const reached = keys.filter((key) => cache.locate(key).server === up.address).length
    await hung.pause()
    const { messages } = listen(context, 'command', 'batch')
    const ending = new AbortController()
    const { signal } = ending
    const calls = {
      getMany: () => cache.getMany(keys, { signal }),
      setMany: () => cache.setMany(entries, { signal }),
      deleteMany: () => cache.deleteMany(keys, { signal }),
    }
    const isEnded = assert.rejects(calls[command](), { code: 'MINTRING_ABORTED' })
    while (messages.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    ending.abort()
    await isEnded
    const { outcome, hits, failed, attempts, bytes } = messages.find((one) => 'batchSize' in one)!
    assert.deepEqual(
      { outcome, hits, failed, attempts, bytes: bytes ?? 0 },
      {
        ...{ outcome: 'aborted', hits: reached, failed: keys.length - reached, attempts: 2 },
        bytes: command === 'deleteMany' ? 0 : reached * 'value'.length,
      },
    )
  })
}

test('a warm-up that ends early is published with the keys that it stored', async (context) => {
  const { cache } = await serve(context, PATIENT)
  const { told } = listen(context, 'batch')
  const ending = new AbortController()
  const keys = Array.from({ length: 100 }, (_, i) => `key${i}`)
  const loader = (key: string): string => {
    if (key === 'key7') ending.abort()
    return key
  }
  const options = { concurrency: 1, signal: ending.signal }
  await assert.rejects(cache.warm(keys, loader, options), { code: 'MINTRING_ABORTED' })
  assert.deepEqual(told(), ['[warm:aborted 8/8 -0]'])
})

test('a warm-up that cannot store a key is published with the reason, and a skipped key is no failure', async (context) => {
  const { told } = listen(context, 'batch')
  const { cache } = await serve(context, PATIENT)
  const fail = (): never => {
    throw new Error('the origin is down')
  }
  const some = (key: string): unknown => (key === 'a' ? undefined : 'value')
  const keys = ['a', 'b']
  const ignore = { onError: () => {} }
  await cache.warm(keys, some)
  await cache.warm(keys, () => undefined)
  await cache.warm([], fail)
  await cache.warm(keys, fail, ignore)
  await cache.warm(keys, () => fail, ignore)
  await cache.warm(keys, (key) => (key === 'a' ? fail() : 'value'), ignore)
  await cache.warm(['a b', 'a\n'], () => 'value', ignore)
  await cache.warm(['a b', 'c'], (key) => (key === 'c' ? fail() : 'value'), ignore)
  assert.deepEqual(told(), [
    ...['[warm:ok 1/2 -0]', '[warm:ok 0/2 -0]', '[warm:ok 0/0 -0]', '[warm:loaderError 0/2 -2]'],
    ...['[warm:loaderError 0/2 -2]', '[warm:partial 1/2 -1]', '[warm:invalid 0/2 -2]'],
    '[warm:error 0/2 -2]',
  ])
})

test('a warm-up whose client closes is published with the keys that were not stored', async (context) => {
  const { messages } = listen(context, 'command', 'batch')
  const { cache } = await serve(context, PATIENT)
  let loaded = 0
  const loader = async (key: string): Promise<string> => {
    if (++loaded === 20) await cache.close()
    return key
  }
  const keys = Array.from({ length: 100 }, (_, i) => `key${i}`)
  await assert.rejects(cache.warm(keys, loader), { code: 'MINTRING_CLOSED' })
  const batch = messages.find(({ command }) => command === 'warm')!
  const stored = messages.filter(({ command, outcome }) => command === 'set' && outcome === 'ok')
  assert.equal(batch.hits, stored.length)
  assert.equal(batch.failed, batch.batchSize - stored.length)
  assert.ok(batch.failed! > 0)
  assert.equal(batch.outcome, 'partial')
})

test('an error of a loader is published with what happened, and without its message', async (context) => {
  const { messages } = listen(context, 'command')
  const { cache } = await serve(context, PATIENT)
  const slow = { ...POLICY, loaderTimeoutMs: 10 }
  await swallow(cache.getOrSet('slow', never, slow))
  await swallow(cache.getOrSet('none', () => Promise.reject(undefined), POLICY))
  await swallow(cache.getOrSet('type', () => Promise.reject(new TypeError('private')), POLICY))
  assert.deepEqual(
    messages.map(({ error }) => (error as Error).message),
    [
      'MINTRING_LOADER_TIMEOUT (message withheld: it may contain a key)',
      ...['The loader failed: undefined was thrown', 'The loader failed: TypeError'],
    ],
  )
})

test('a command that the server refuses as a mistake is published as refused', async (context) => {
  const { cache } = await serve(context, PATIENT)
  await cache.set('text', 'no number')
  const { told } = listen(context, 'command', 'batch')
  for (const call of [
    cache.incr('text'),
    cache.incr('text', 1, { initial: 1 }),
    cache.meta.ma('text'),
  ]) {
    await assert.rejects(call, { code: 'MINTRING_REFUSED' })
  }
  assert.deepEqual(told().sort(), ['incr:refused', 'incr:refused', 'ma:refused'])
})

test('a call that fails or moves to another host is published with the host that it ended on', async (context) => {
  const { cache, keys, up, down } = await halfDown(context)
  const { messages } = listen(context, 'command')
  const lost = keys.filter((key) => cache.locate(key).server === down.address)
  await swallow(cache.set(lost[0]!, 1))
  await swallow(cache.invalidate(lost[1]!))
  assert.deepEqual(
    messages.splice(0).map(({ command, host, outcome }) => [command, host, outcome]),
    ['set', 'invalidate'].map((command) => [command, down.address, 'error']),
  )
  cache.configure({ autoEjectHosts: true, serverFailureLimit: 1 })
  const ejected = new Promise((resolve) => cache.on('eject', resolve))
  await cache.getOrSet(lost[2]!, load, POLICY)
  await ejected
  await cache.getOrSet(lost[3]!, load, POLICY)
  assert.equal(messages.at(-1)!.host, up.address)
  assert.equal(messages.at(-1)!.outcome, 'miss')
})

test('a subscriber of commands alone hears the parts of every batch', async (context) => {
  const { told } = listen(context, 'command')
  const { cache } = await serve(context, PATIENT)
  await cache.getOrSetMany(['a', 'b'], (keys) => new Map(keys.map((key) => [key, 1])), POLICY)
  await cache.invalidate(['a', 'none'])
  assert.deepEqual(told(), ['mg:ok', 'invalidate:ok', 'invalidate:refused'])
})

test('a view on servers without meta commands publishes the calls that it refuses', async (context) => {
  const { told } = listen(context, 'command')
  const { cache } = await serve(context, { ...PATIENT, protocol: 'classic' })
  const view = cache.view({
    keys: { wireKey: String, routeKey: String },
    codec: { encode: (value) => ({ body: String(value), flags: 0 }), decode: () => 1 },
  })
  await assert.rejects(view.getOrSet('a', load, POLICY), { code: 'MINTRING_UNSUPPORTED' })
  await assert.rejects(view.refresh('a', load, POLICY), { code: 'MINTRING_UNSUPPORTED' })
  assert.deepEqual(told(), ['getOrSet:error', 'refresh:error'])
})
