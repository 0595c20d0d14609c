import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Original from 'memcached-original'
import { behaviorsFrom } from '../../src/behaviors/behaviors-from.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { Memcached } from '../../src/integrations/compat.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { called, type Outcome } from './support.ts'

type Step = readonly [method: string, ...words: unknown[]]
type Told = { failed: boolean; notStored: boolean; result: unknown; type: unknown; key: unknown }

const DAY = 86_400
const nowSeconds = () => Math.floor(Date.now() / 1000)

/** The comparable part of an outcome: without messages and numbers that differ in every run. */
function told({ error, result, self }: Outcome): Told {
  const { type, key } = self ?? {}
  const isList = Array.isArray(error)
  const failed = isList ? error.length > 0 : error !== undefined && error !== null
  return { failed, notStored: error?.notStored === true, result, type, key }
}

const BYTES = Buffer.from([0, 13, 10, 92, 255, 200])
const LONG = 'long'.repeat(100)

const STORING: Step[] = [
  ['get', 'none'],
  ['set', 'text', 'wörter\r\n\\ and lines', 0],
  ['get', 'text'],
  ['set', 'empty', '', 0],
  ['get', 'empty'],
  ['set', 'number', 42.5, 60],
  ['get', 'number'],
  ['set', 'object', { a: [1, null, 'ü\n'], b: true }, 60],
  ['get', 'object'],
  ['set', 'null', null, 60],
  ['get', 'null'],
  ['set', 'bytes', BYTES, 60],
  ['get', 'bytes'],
  ['add', 'text', 'second', 0],
  ['add', 'added', 'first', 0],
  ['replace', 'added', 'replaced', 0],
  ['replace', 'none', 'x', 0],
  ['append', 'added', ' and more'],
  ['prepend', 'added', 'before '],
  ['append', 'none', 'x'],
  ['get', 'added'],
  ['set', LONG, 'long key', 0],
  ['get', LONG],
  ['del', LONG],
  ['delete', 'added'],
  ['del', 'added'],
  ['getMulti', ['text', 'none', 'object']],
  ['get', ['text', 'number']],
]

const COUNTING: Step[] = [
  ['incr', 'counter', 1],
  ['set', 'counter', 5, 0],
  ['incr', 'counter', 10],
  ['increment', 'counter', 1],
  ['decr', 'counter', 6],
  ['decrement', 'counter', 100],
  ['get', 'counter'],
  ['set', 'word', 'zing', 0],
  ['incr', 'word', 1],
  ['decr', 'none', 1],
]

const LIVING: Step[] = [
  ['set', 'dated', 'v', nowSeconds() + 40 * DAY],
  ['get', 'dated'],
  ['set', 'past', 'v', nowSeconds() - 40],
  ['get', 'past'],
  ['set', 'negative', 'v', -1],
  ['get', 'negative'],
  ['touch', 'dated', 100],
  ['touch', 'none', 100],
  ['touch', 'dated', -1],
  ['get', 'dated'],
]

const WRONG: Step[] = [
  ['get', 'with space'],
  ['get', 'line\nbreak'],
  ['get', 17],
  ['set', 'k', 'v', 'soon'],
  ['incr', 'k', 'one'],
  ['set', 'large', 'x'.repeat(1_048_577), 0],
]

describe('mintring/compat, compared with the package memcached', {
  skip: skipWithoutMemcached(),
}, () => {
  let servers: Awaited<ReturnType<typeof startMemcached>>[]
  let addresses: string[]
  before(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
    addresses = servers.map(({ host, port }) => `${host}:${port}`)
  })
  after(() => Promise.all(servers.map((server) => server.kill())))

  /** Runs the same calls on both clients, one after the other on empty servers, and compares. */
  async function compare(steps: readonly Step[], options: object = {}, fleet = addresses) {
    const outcomes: Told[][] = []
    for (const Kind of [Original, Memcached]) {
      const client = new Kind(fleet as never, options)
      await called(client, 'flush')
      const all: Told[] = []
      for (const [method, ...words] of steps) all.push(told(await called(client, method, ...words)))
      client.end()
      outcomes.push(all)
    }
    const [theirs = [], ours = []] = outcomes
    for (const [index, step] of steps.entries()) {
      const { type, key, ...expected } = theirs[index] as Told
      // The package memcached gives no `this` to callbacks of commands that go to several servers.
      const about = type === undefined ? {} : { type, key }
      const name = step.map(String).join(' ').slice(0, 100)
      assert.deepEqual(ours[index], { ...ours[index], ...expected, ...about }, name)
    }
  }

  test('stores and reads with the same results', () => compare(STORING))
  test('stores and reads with the same results under a namespace', () =>
    compare(STORING, { namespace: 'ns:' }))
  test('increments and decrements with the same results', () => compare(COUNTING))
  test('handles lifetimes with the same results: seconds, dates, dates in the past', () =>
    compare(LIVING))
  test('refuses invalid arguments with the same results', () => compare(WRONG))
  test('refuses long keys with the same results when keyCompression is off', () =>
    compare([['get', LONG]], { keyCompression: false }))

  test('reads what the other client wrote on three servers, in both directions', async () => {
    const original = new Original(addresses)
    const ours = new Memcached(addresses)
    await called(ours, 'flush')
    const values = ['text\r\n', 7, { json: ['ü'] }, Buffer.from([1, 2, 255])]
    for (let i = 0; i < 60; i++) {
      const value = values[i % values.length]
      await called(original, 'set', `theirs:${i}`, value, 0)
      await called(ours, 'set', `ours:${i}`, value, 0)
      assert.deepEqual((await called(ours, 'get', `theirs:${i}`)).result, value)
      assert.deepEqual((await called(original, 'get', `ours:${i}`)).result, value)
    }
    original.end()
    ours.end()
  })

  test('shares long keys with MemcachedClient', async () => {
    const options = { namespace: 'ns:' }
    const original = new Original(addresses, options)
    const client = new MemcachedClient(addresses, behaviorsFrom.memcached(options))
    for (let i = 0; i < 30; i++) {
      const key = `${'long'.repeat(70)}${i}`
      await called(original, 'set', key, i, 0)
      assert.equal(await client.get(key), i)
      await client.set(key, { i })
      assert.deepEqual((await called(original, 'get', key)).result, { i })
    }
    original.end()
    await client.close()
  })

  test('handles cas with the same results', async () => {
    for (const Kind of [Original, Memcached]) {
      const client = new Kind(addresses)
      await called(client, 'set', 'swapped', 'one', 0)
      const { result } = await called(client, 'gets', 'swapped')
      const { cas, swapped } = result as { cas: string; swapped: string }
      assert.equal(swapped, 'one')
      assert.match(cas, /^\d+$/)
      assert.equal((await called(client, 'cas', 'swapped', 'two', cas, 0)).result, true)
      const late = await called(client, 'cas', 'swapped', 'three', cas, 0)
      assert.deepEqual([late.error, late.result], [undefined, false])
      assert.equal((await called(client, 'get', 'swapped')).result, 'two')
      assert.equal((await called(client, 'gets', 'none')).result, undefined)
      client.end()
    }
  })

  test('returns the same version, stats, settings, slabs, items and cachedump', async () => {
    const server = await startMemcached()
    const address = `${server.host}:${server.port}`
    const shapes: unknown[] = []
    for (const Kind of [Original, Memcached]) {
      const client = new Kind(address)
      await called(client, 'set', 'only', 'v', 0)
      const shape: Record<string, unknown> = {}
      for (const method of ['version', 'stats', 'settings', 'slabs', 'items', 'statsItems']) {
        const { error, result } = await called(client, method)
        shape[method] = [error, shapeOf(result)]
      }
      const { result } = await called(client, 'items')
      const [classes] = result as [Record<string, unknown>]
      const slab = Number(Object.keys(classes).find((name) => /^\d+$/.test(name)))
      // memcached dumps only the cold part of its LRU, which a stored item reaches a little later.
      let dumped: unknown
      while (dumped === undefined) {
        dumped = (await called(client, 'cachedump', address, slab, 10)).result
        await sleep(10)
      }
      shape.cachedump = shapeOf(dumped)
      shapes.push(shape)
      client.end()
    }
    await server.kill()
    assert.deepEqual(shapes[1], shapes[0])
  })
})

/** The names in a result and the types of its values; lists included. */
function shapeOf(result: unknown): unknown {
  if (Array.isArray(result)) return result.map(shapeOf)
  if (typeof result !== 'object' || result === null) return typeof result
  const members = Object.entries(result).map(([name, value]) => [name, shapeOf(value)] as const)
  return Object.fromEntries(members.sort(([one], [two]) => (one < two ? -1 : 1)))
}
