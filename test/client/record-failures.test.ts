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
