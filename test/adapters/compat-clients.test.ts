import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inherits } from 'node:util'
import Original from 'memcached-original'
import { Memcached } from '../../src/integrations/compat.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { type Call, checkOutcome, outcomeOf, shown } from './compat-outcomes.ts'

/**
 * The intended differences listed in docs/migrating/memcached.md: a call, its outcome in memcached
 * and its outcome in mintring/compat.
 */
const IMPROVED: ReadonlyArray<readonly [call: Call, there: object, here: object]> = [
  // A value that JSON.stringify turns into undefined.
  [
    ['set', 'k', undefined, 60],
    { thrown: "TypeError: Cannot read properties of undefined (reading 'replace')" },
    { told: [{ message: 'A value of type undefined cannot be stored' }, false] },
  ],
  [
    ['set', 'k', 5n, 60],
    { thrown: 'TypeError: Do not know how to serialize a BigInt' },
    { told: [{ message: 'Do not know how to serialize a BigInt' }, false] },
  ],
  // Bytes that are not a Buffer.
  [
    ['set', 'k', new Uint8Array([1]), 60],
    { self: /^set k 2 60 7/ },
    { told: ['(undefined)', true], self: /^set k 4 60 1/ },
  ],
  // Empty text has flags of its own, so that it is not taken for a placeholder of a refill.
  [
    ['set', 'k', '', 60],
    { self: /^set k 0 / },
    { told: ['(undefined)', true], self: /^set k 16 / },
  ],
  // A lifetime with a fraction of a second.
  [
    ['set', 'k', 'v', 1.5],
    { told: [{ message: 'bad command line format' }, false] },
    { told: ['(undefined)', true] },
  ],
  // Incrementing by a negative number.
  [
    ['incr', 'counter', -3],
    { told: [{ message: 'invalid numeric delta argument' }, false] },
    { told: ['(undefined)', 'number 7'] },
  ],
  // getMulti with an empty list, and with a text instead of a list.
  [['getMulti', []], { silent: true }, { told: ['(undefined)', {}] }],
  [
    ['getMulti', 'k'],
    { thrown: 'TypeError: keys.forEach is not a function' },
    { told: [[{ message: 'Argument "key" is not a valid Array.' }], {}] },
  ],
  // Keys of more than 250 bytes, and how results name such keys.
  [
    ['get', 'ü'.repeat(200)],
    { told: [{ message: 'bad command line format' }, false] },
    { told: ['(undefined)', '(undefined)'] },
  ],
  [
    ['getMulti', ['x'.repeat(300)]],
    { told: ['(undefined)', { '8a4876ea55d998a5d91ed59db796af28': 'long' }] },
    { told: ['(undefined)', { ['x'.repeat(300)]: 'long' }] },
  ],
]

describe('mintring/compat, compared with the package memcached', {
  skip: skipWithoutMemcached(),
}, () => {
  let server: Awaited<ReturnType<typeof startMemcached>>
  before(async () => {
    server = await startMemcached()
  })
  after(() => server.kill())

  for (const [call, there, here] of IMPROVED) {
    test(`differs on purpose in ${shown(call)}`, async () => {
      const { host, port } = server
      for (const [index, Kind] of [Original, Memcached].entries()) {
        const client = new Kind(`${host}:${port}`)
        await outcomeOf(client, ['set', 'counter', 10, 0])
        await outcomeOf(client, ['set', 'x'.repeat(300), 'long', 0])
        const came = await outcomeOf(client, call)
        client.end()
        checkOutcome(came, [there, here][index] ?? {})
      }
    })
  }
})

type Kind = typeof Memcached

const COMMANDS = [
  ...['touch', 'get', 'gets', 'getMulti', 'set', 'replace', 'add', 'cas', 'append', 'prepend'],
  ...['incr', 'decr', 'increment', 'decrement', 'del', 'delete', 'version', 'flush', 'stats'],
  ...['settings', 'slabs', 'items', 'flushAll', 'statsSettings', 'statsSlabs', 'statsItems'],
  ...['cachedump', 'end', 'command', 'connect', 'multi', 'on', 'emit'],
]

/** The visible state of a client: its options, its servers, where keys go. */
function seen(client: Memcached): unknown {
  client.end()
  const all = client as unknown as Record<string, unknown>
  const options = Object.keys(Memcached.config).map((name) => [name, all[name]])
  // With a single server, neither client uses its ring.
  const keys = client.servers.length === 1 ? [] : ['k', 'l', 'm', 'n', 'o', 'p']
  const places = keys.map((key) => client.HashRing.get(key))
  return { options, servers: client.servers, places, others: [all.hosts, all.secret] }
}

/** Constructor arguments, and the part of the client in which both packages must agree. */
const MADE: Readonly<Record<string, (kind: Kind) => unknown>> = {
  nothing: (Kind) => seen(new Kind()),
  false: (Kind) => seen(new Kind(false as never)),
  'an empty text': (Kind) => seen(new Kind('')),
  'an empty list': (Kind) => seen(new Kind([])),
  'an empty object': (Kind) => seen(new Kind({})),
  'a host': (Kind) => seen(new Kind('cache')),
  'a host and a port': (Kind) => seen(new Kind('cache:11212')),
  'an IPv6 address and a port': (Kind) => seen(new Kind('::1:11211')),
  'what an unset environment makes': (Kind) => seen(new Kind('undefined:undefined')),
  'a list': (Kind) => seen(new Kind(['a', 'b:1'])),
  'a list with one twice': (Kind) => seen(new Kind(['a:1', 'a:1', 'b:1'])),
  'a list with one in two spellings': (Kind) => seen(new Kind(['a', 'a:11211'])),
  weights: (Kind) => seen(new Kind({ 'a:1': 2, b: 1 })),
  'weights as texts, zeros and fractions': (Kind) =>
    seen(new Kind({ a: '2', b: 0, c: 0.5, d: 1e9 } as never)),
  'options that are undefined': (Kind) => seen(new Kind('a:1', undefined)),
  'options that are null': (Kind) => seen(new Kind('a:1', null as never)),
  'numbers as texts': (Kind) =>
    seen(new Kind('a:1', { retries: '2', timeout: '500', poolSize: '25', maxValue: '5' } as never)),
  'numbers far out of range': (Kind) =>
    seen(
      new Kind('a:1', { retries: 1e6, timeout: 1e12, poolSize: 1e6, retry: 1e12, failures: 1e6 }),
    ),
  zeros: (Kind) =>
    seen(
      new Kind('a:1', {
        ...{ retries: 0, timeout: 0, poolSize: 0, maxValue: 0, idle: 0, failures: 0, retry: 0 },
        ...{ reconnect: 0, maxKeySize: 0, maxQueueSize: 0, maxExpiration: 0 },
      } as never),
    ),
  'switches as texts': (Kind) =>
    seen(new Kind('a:1', { remove: 'true', keyCompression: '', debug: 0 } as never)),
  'options that are undefined each': (Kind) =>
    seen(new Kind('a:1', { timeout: undefined, algorithm: undefined, namespace: undefined })),
  'options of somebody else': (Kind) =>
    seen(new Kind('a:1', { hosts: ['x'], secret: 's' } as never)),
  'options with a client of their own': (Kind) =>
    seen(new Kind('a:1', { client: undefined } as never)),
  'options that are inherited': (Kind) =>
    seen(new Kind('a:1', Object.create({ namespace: 'inherited:' }))),
  'every option': (Kind) =>
    seen(
      new Kind(['a:1', 'b:2'], {
        ...{ maxKeySize: 100, maxExpiration: 100, maxValue: 2_000_000, poolSize: 5, retries: 1 },
        ...{ algorithm: 'sha1', compatibility: 'hash_ring', reconnect: 1000, timeout: 100 },
        ...{
          failures: 2,
          retry: 100,
          remove: true,
          failOverServers: ['c:3'],
          keyCompression: false,
        },
        ...{ idle: 100, namespace: 'ns:', maxQueueSize: 10, redundancy: 1, debug: false },
        ...{ factor: 1, minTimeout: 1, maxTimeout: 2, randomize: true, failuresTimeout: 1 },
      } as never),
    ),
  'a class that extends it': (Kind) => {
    class Mine extends Kind {
      extra = 1
    }
    const mine = new Mine('a:1', { namespace: 'ns:' })
    return [seen(mine), mine.extra, mine instanceof Kind, mine instanceof Mine]
  },
  'a function that inherits it': (Kind) => {
    function Mine(this: object, ...words: unknown[]): void {
      Reflect.apply(Kind as never, this, words)
    }
    inherits(Mine as never, Kind as never)
    const mine = Reflect.construct(Mine, ['a:1', { namespace: 'ns:' }])
    return [seen(mine), mine instanceof (Kind as never)]
  },
  'settings for all, changed and replaced': (Kind) => {
    const { config } = Kind
    const before = { ...config }
    config.namespace = 'all:'
    const changed = seen(new Kind('a:1'))
    Kind.config = { ...before, retries: 1 }
    const replaced = seen(new Kind('a:1', { namespace: 'own:' }))
    Kind.config = config
    config.namespace = ''
    return [before, changed, replaced]
  },
  'its prototype': ({ prototype }) => {
    const names: string[] = []
    for (const name in prototype) names.push(name)
    return COMMANDS.map((name) => [name, names.includes(name), typeof (prototype as never)[name]])
  },
  'methods that are one': ({ prototype: one }) => [
    ...[one.incr === one.increment, one.decr === one.decrement, one.del === one.delete],
    ...[one.flush === one.flushAll, one.settings === one.statsSettings],
    ...[one.slabs === one.statsSlabs, one.items === one.statsItems],
  ],
}

describe('a client of mintring/compat, compared with a client of the package memcached', () => {
  for (const [name, make] of Object.entries(MADE)) {
    test(`is constructed with the same result: ${name}`, () => {
      assert.deepEqual(madeBy(Memcached, make), madeBy(Original as unknown as Kind, make))
    })
  }

  test('throws with a reason when the algorithm is a function', () => {
    const algorithm = (() => 1) as unknown as string
    assert.throws(() => new Memcached('a:1', { algorithm }), {
      code: 'MINTRING_BAD_BEHAVIOR',
      message:
        /not a function: no other client could share a ring with a hash function of your own/,
    })
  })

  test('can be constructed without new', () => {
    const memcached = Memcached('a:1', { namespace: 'ns:' })
    assert.ok(memcached instanceof Memcached)
    assert.equal(memcached.namespace, 'ns:')
    memcached.end()
  })
})

function madeBy(kind: Kind, make: (kind: Kind) => unknown): unknown {
  try {
    return make(kind)
  } catch (error) {
    return { thrown: (error as Error).message }
  }
}
