import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import Original from 'memcached-original'
import { Memcached } from '../../src/integrations/compat.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { type Call, outcomes, shown } from './compat-outcomes.ts'

const bytes = Buffer.from([0, 13, 10, 92, 255, 200])
const now = Math.floor(Date.now() / 1000)
const DAY = 86_400
const circle: Record<string, unknown> = {}
circle.itself = circle

const keys: unknown[] = ['k', 'ü', '日本語', 'x'.repeat(250), 'ü'.repeat(125)]
const oddKeys: unknown[] = [17, 0, -1.5, true, null, undefined, Buffer.from('bytes'), {}, ['k']]
const badKeys: unknown[] = ['with space', 'tab\t', 'line\n', '\u00a0', '\u2003', 'a\rb']
const values: unknown[] = [
  ...['text', ' ', 'wörter\r\n\\', '\n', '\\\r\\\n', 'a'.repeat(70_000), '123', 'true', '{}'],
  ...[0, 1, -1, 42.5, 1e21, 2 ** 53, Number.NaN, Infinity, -0],
  ...[null, true, false, [], [1, [2]], {}, { a: { b: 'ü\n' } }, new Date(0), /x/],
  ...[
    bytes,
    Buffer.alloc(0),
    Buffer.from('ascii'),
    new Map([[1, 2]]),
    new Set([1]),
    new Error('e'),
  ],
  Object.assign(Object.create({ inherited: 1 }), { own: 2 }),
]
const lifetimes: unknown[] = [
  ...[0, 1, 60, 30 * DAY, 30 * DAY + 1, now + 40 * DAY, now - 40, -1, -100],
  ...[Number.NaN, Infinity, -Infinity, '60', null, undefined, true, {}],
]
const counts: unknown[] = [0, 1, 10, 2 ** 31, 2 ** 53, '1', null, undefined, Number.NaN, 1.5, {}]

function* storing(): Generator<Call> {
  for (const key of [...keys, ...oddKeys]) {
    yield ['set', key, 'v', 60]
    yield ['get', key]
    yield ['gets', key]
    yield ['touch', key, 60]
    yield ['del', key]
    yield ['del', key]
    yield ['get', key]
  }
  for (const key of badKeys) {
    yield ['set', key, 'v', 60]
    yield ['get', key]
    yield ['gets', key]
    yield ['del', key]
    yield ['incr', key, 1]
    yield ['getMulti', ['fine', key]]
  }
  for (const value of values) {
    yield ['set', 'value', value, 60]
    yield ['get', 'value']
    yield ['add', 'value', value, 60]
    yield ['replace', 'value', value, 60]
    yield ['append', 'value', value]
    yield ['prepend', 'value', value]
    yield ['del', 'value']
    yield ['append', 'value', value]
    yield ['replace', 'value', value, 60]
  }
}

function* living(): Generator<Call> {
  for (const lifetime of lifetimes) {
    for (const method of ['set', 'replace']) {
      yield ['set', 'life', 'precious', 0]
      yield [method, 'life', 'new', lifetime]
      yield ['get', 'life']
    }
    yield ['del', 'life']
    yield ['add', 'life', 'new', lifetime]
    yield ['get', 'life']
    yield ['set', 'life', 'precious', 0]
    yield ['touch', 'life', lifetime]
    yield ['get', 'life']
    yield ['touch', 'none', lifetime]
  }
}

function* counting(): Generator<Call> {
  for (const count of counts) {
    for (const method of ['incr', 'decr', 'increment', 'decrement']) {
      yield ['set', 'count', 20, 0]
      yield [method, 'count', count]
      yield ['get', 'count']
      yield [method, 'none', count]
    }
  }
  for (const start of ['18446744073709551615', '9007199254740993', 'word', '-5', '1.5', ' 7']) {
    yield ['set', 'count', start, 0]
    yield ['incr', 'count', 1]
    yield ['decr', 'count', 1]
    yield ['get', 'count']
  }
}

function* many(): Generator<Call> {
  const listed = ['a', 'b', 'c', 'toString', 'constructor', 'hasOwnProperty', '7', 'ü', 'none']
  for (const [index, key] of listed.slice(0, -1).entries()) yield ['set', key, { index }, 0]
  yield ['getMulti', listed]
  yield ['get', listed]
  yield ['getMulti', ['none']]
  yield ['getMulti', ['a', 'a']]
  yield ['getMulti', [7, 'a']]
  yield ['get', 'toString']
  yield ['gets', 'constructor']
}

/** The remaining methods: counters, statistics of one server, lists of servers, CAS. */
function* others(): Generator<Call> {
  for (const cas of ['1', '99999999', 'no number', '', undefined, null]) {
    yield ['set', 'swapped', 'one', 0]
    yield ['cas', 'swapped', 'two', cas, 0]
    yield ['get', 'swapped']
    yield ['cas', 'none', 'two', cas, 0]
  }
  for (const method of ['version', 'flush', 'flushAll', 'settings', 'statsSettings']) {
    yield [method]
  }
  for (const method of ['get', 'gets', 'del']) yield [method, '']
  for (const method of ['touch', 'incr']) yield [method, '', 1]
  yield ['cachedump', 'SERVER', 1, '10']
  yield ['cachedump', 'SERVER', 'one', 10]
  yield ['cachedump', 'SERVER', 50, 10]
  yield ['set', 'large', 'x'.repeat(1_048_577), 0]
  yield ['set', 'large', Buffer.alloc(1_048_577), 0]
  yield ['get', 'large']
}

describe('every call of mintring/compat, compared with the package memcached', {
  skip: skipWithoutMemcached(),
}, () => {
  let servers: Awaited<ReturnType<typeof startMemcached>>[]
  before(async () => {
    servers = await Promise.all([1, 2].map(() => startMemcached()))
  })
  after(() => Promise.all(servers.map((server) => server.kill())))

  async function compare(calls: Iterable<Call>, options: object, count = 1): Promise<void> {
    const addresses = servers.slice(0, count).map(({ host, port }) => `${host}:${port}`)
    const listed = [...calls]
    const theirs = await outcomes(new Original(addresses, options), listed, addresses)
    const ours = await outcomes(new Memcached(addresses, options), listed, addresses)
    const differing = listed.flatMap((call, index) => {
      const [there, here] = [theirs[index], ours[index]].map((one) => JSON.stringify(one))
      return there === here ? [] : [`${shown(call)}\n    there ${there}\n    here  ${here}`]
    })
    if (process.env.SHOW) console.log(differing.join('\n'))
    assert.deepEqual(differing, [], `${differing.length} of ${listed.length} calls differ`)
  }

  test('stores, reads and deletes with the same results', () => compare(storing(), {}))
  test('handles lifetimes with the same results', () => compare(living(), {}))
  test('increments and decrements with the same results', () => compare(counting(), {}))
  test('returns the same results for CAS, statistics, empty keys and large values', () =>
    compare(others(), {}))
  test('reads many keys with the same results', () => compare(many(), {}))
  test('reads many keys from several servers, with a namespace, with the same results', () =>
    compare(many(), { namespace: 'ns:' }, 2))
})
