import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { MintringError } from '../../src/errors.ts'
import { timeoutError } from '../../src/net/attempt.ts'
import { startScripted } from '../support/scripted-server.ts'
import type { Loose } from './mistakes/support.ts'
import { hanging, PATIENT, serve } from './support.ts'

const load = async (): Promise<number> => 1
const loadMany = async (): Promise<Map<string, number>> => new Map()
const limits = { timeoutMs: 200 }
const refill = { ttl: 60, ...limits }
const view = (cache: MemcachedClient): Loose => {
  return cache.view({
    keyPrefix: 'v:',
    codec: { encode: () => ({ body: 'x', flags: 0 }), decode: () => 1 },
  })
}

type Calls = Readonly<Record<string, (cache: MemcachedClient) => Promise<unknown>>>

/** Calls about one key, and so about one host. */
const ONE_HOST: Calls = {
  get: (c) => c.get('k', limits),
  gets: (c) => c.gets('k', limits),
  gat: (c) => c.gat('k', 5, limits),
  set: (c) => c.set('k', 'v', limits),
  add: (c) => c.add('k', 'v', limits),
  replace: (c) => c.replace('k', 'v', limits),
  append: (c) => c.append('k', 'v', limits),
  cas: (c) => c.cas('k', 'v', 1n, limits),
  incr: (c) => c.incr('k', 1, limits),
  'incr with initial': (c) => c.incr('k', 1, { initial: 1, ...limits }),
  delete: (c) => c.delete('k', limits),
  touch: (c) => c.touch('k', 5, limits),
  'meta.mg': (c) => c.meta.mg('k', {}, limits),
  'meta.me': (c) => c.meta.me('k', limits),
  getMany: (c) => c.getMany(['k', 'l'], limits),
  getOrSet: (c) => c.getOrSet('k', load, refill),
  getOrSetMany: (c) => c.getOrSetMany(['k', 'l'], loadMany, refill),
  refresh: (c) => c.refresh('k', load, refill),
  invalidate: (c) => c.invalidate('k', limits),
  'invalidate of several': (c) => c.invalidate(['k', 'l'], limits),
}

/** Calls that wait for no host of a key: the message says for what instead. */
const NO_HOST: Readonly<Record<string, readonly [Calls[string], RegExp]>> = {
  'getOrSet of a view': [
    (c) => view(c).getOrSet('k', load, refill),
    /no host has told yet whether it supports meta commands$/,
  ],
  invalidateTags: [(c) => c.invalidateTags('t', limits), /it waited for the hosts of the tags$/],
  tagVersions: [(c) => c.tagVersions('t', limits), /it waited for the hosts of the tags$/],
}

async function errorOf(call: Promise<unknown>): Promise<MintringError> {
  const result: unknown = await call.catch((error: unknown) => error)
  assert.equal((result as MintringError).code, 'MINTRING_TIMEOUT', String(result))
  return result as MintringError
}

describe('The error of an operation that timed out', { concurrency: 4 }, () => {
  for (const [verb, call] of Object.entries(ONE_HOST)) {
    it(`names the host that ${verb} waited for, and nothing was sent before the handshake`, async (context) => {
      const cache = await hanging(context)
      const [{ name } = { name: '' }] = cache.hosts()
      const { host, message, sent } = await errorOf(call(cache))
      assert.equal(host, name, message)
      assert.ok(message.includes(name), message)
      // An invalidation counts as sent, because it may be sent after the call has ended.
      assert.equal(sent, /^(refresh|invalidate)/.test(verb), message)
    })

    it(`says that ${verb} was sent when the host then hangs`, async (context) => {
      const { cache, server } = await serve(context, PATIENT)
      await cache.getOrSet('first', load, { ttl: 60 })
      server.pause()
      context.after(() => server.resume())
      const { host, message, sent } = await errorOf(call(cache))
      assert.deepEqual([host, sent], [server.address, true], message)
    })
  }

  for (const [verb, [call, says]] of Object.entries(NO_HOST)) {
    it(`says what ${verb} waited for`, async (context) => {
      assert.match((await errorOf(call(await hanging(context)))).message, says)
    })
  }

  it('says that no host was asked when the serializer hangs', async (context) => {
    const serializer = { serialize: () => new Promise<string>(() => {}), deserialize: String }
    const { cache } = await serve(context, { serializer })
    const { host, message, sent } = await errorOf(cache.set('k', {}, limits))
    assert.deepEqual([host, sent], [undefined, false])
    assert.match(message, /the value was not encoded .*no host was asked$/)
  })

  it('names the host that sent a value when the serializer hangs', async (context) => {
    const serializer = { serialize: () => 'x', deserialize: () => new Promise(() => {}) }
    const { cache, server } = await serve(context, { serializer })
    await cache.set('k', {})
    const { host, message } = await errorOf(cache.get('k', limits))
    assert.equal(host, server.address, message)
  })

  it('says why no connection was open, if one failed meanwhile', () => {
    const lastError = new MintringError('MINTRING_CONNECTION', 'h refuses connections')
    const late = (sent: boolean, lastErrorMs: number): MintringError =>
      timeoutError(
        { verb: { name: 'get' }, sent } as Loose,
        { name: 'h', lastError, lastErrorMs } as Loose,
        100,
      )
    assert.match(late(false, 200).message, /^h did not reply to get .*: h refuses connections$/)
    assert.equal(late(false, 200).cause, lastError)
    assert.match(late(false, 50).message, /: it was not sent \(.*earlier commands without reply\)$/)
    assert.doesNotMatch(late(true, 50).message, /not sent/)
    for (const other of [late(true, 200), late(false, 50)]) {
      assert.doesNotMatch(other.message, /refuses/)
      assert.equal(other.cause, undefined)
    }
  })

  it('names the source of the servers when discover() waits for it', async (context) => {
    const discovery = { servers: () => new Promise<never>(() => {}) }
    const { cache } = await serve(context, { discovery })
    const { message } = await errorOf(cache.discover(limits))
    assert.match(message, /^The function discovery\.servers returned no server list within the 200/)
  })

  it('names several hosts when keys of several hosts are late', async (context) => {
    const servers = await Promise.all([1, 2].map(() => startScripted(() => {}, { greets: false })))
    const names = servers.map(({ port }) => `127.0.0.1:${port}`)
    const cache = new MemcachedClient(names, PATIENT)
    context.after(async () => {
      await cache.close({ drainMs: 0 })
      await Promise.all(servers.map((server) => server.close()))
    })
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    const { host, message } = await errorOf(cache.getOrSetMany(keys, loadMany, refill))
    assert.equal(host, undefined)
    for (const name of names) assert.ok(message.includes(name), message)
  })
})
