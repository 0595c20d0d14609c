import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../../src/client/client.ts'
import { type Loose, load, type Mistake, OBJECT, refuse, WRITE_TTL } from './support.ts'

const circle: Record<string, unknown> = {}
circle.self = circle
const create = (...args: readonly unknown[]): unknown => Reflect.construct(MemcachedClient, args)
const UINT64 = 'must be a bigint or a safe integer, from 0 to 2^64-1, not'
const POLICY = 'Bad refill policy:'

const PAIRS = 'setMany() takes a Map, an object, or an iterable of [key, value] pairs'

const MISTAKES: readonly Mistake[] = [
  ['get()', (c) => c.get(), 'MINTRING_BAD_KEY', 'The key must be a string, not undefined'],
  [
    'get(42)',
    (c) => c.get(42),
    'MINTRING_BAD_KEY',
    'The key must be a string, not a number: write String(id)',
  ],
  [
    "get(['a', 'b'])",
    (c) => c.get(['a', 'b']),
    'MINTRING_BAD_KEY',
    'The key must be a string, not an array: getMany() and deleteMany() take several',
  ],
  ["get('')", (c) => c.get(''), 'MINTRING_BAD_KEY', 'The key must not be empty'],
  [
    "get('user name')",
    (c) => c.get('user name'),
    'MINTRING_BAD_KEY',
    "The key 'user name' must not have spaces or control characters: " +
      '0x20 is at byte 4 (replace them, or use encodeURIComponent())',
  ],
  [
    'get of 300 bytes',
    (c) => c.get('x'.repeat(300)),
    'MINTRING_BAD_KEY',
    `The key '${'x'.repeat(40)}…' is 300 bytes: memcached takes at most 250 ` +
      "(set longKeys: 'hash', or hash it yourself)",
  ],
  [
    "getMany('k')",
    (c) => c.getMany('k'),
    'MINTRING_BAD_ARGUMENT',
    'The keys must be an array or another iterable, not one string: write [key]',
  ],
  [
    'deleteMany(null)',
    (c) => c.deleteMany(null),
    'MINTRING_BAD_ARGUMENT',
    'The keys must be an array or another iterable, not null',
  ],
  [
    "getMany(['a', 1])",
    (c) => c.getMany(['a', 1]),
    'MINTRING_BAD_KEY',
    'The key must be a string, not a number: write String(id)',
  ],
  [
    'setMany(promise)',
    (c) => c.setMany(Promise.resolve({ a: 1 })),
    'MINTRING_BAD_ARGUMENT',
    `${PAIRS}: await the promise`,
  ],
  ['setMany(new Date())', (c) => c.setMany(new Date()), 'MINTRING_BAD_ARGUMENT', PAIRS],
  ['setMany(/x/)', (c) => c.setMany(/x/), 'MINTRING_BAD_ARGUMENT', PAIRS],
  ['setMany(new WeakMap())', (c) => c.setMany(new WeakMap()), 'MINTRING_BAD_ARGUMENT', PAIRS],
  ["setMany(['a', 'b'])", (c) => c.setMany(['a', 'b']), 'MINTRING_BAD_ARGUMENT', PAIRS],
  [
    "set('k')",
    (c) => c.set('k'),
    'MINTRING_BAD_VALUE',
    'undefined cannot be stored as JSON without loss: store null, or set a serializer',
  ],
  [
    "set('k', fetchUser())",
    (c) => c.set('k', load()),
    'MINTRING_BAD_VALUE',
    'a promise (or a query that was not run) cannot be stored as JSON without loss: ' +
      'await it, or set a serializer',
  ],
  [
    "set('k', new Map())",
    (c) => c.set('k', { m: new Map() }),
    'MINTRING_BAD_VALUE',
    'a Map at .m cannot be stored as JSON without loss: ' +
      'store [...map] or Object.fromEntries(map), or set a serializer',
  ],
  [
    "set('k', circle)",
    (c) => c.set('k', circle),
    'MINTRING_BAD_VALUE',
    'a value of class Object cannot be stored as JSON, because it refers to itself: ' +
      'store a copy without it',
  ],
  [
    "append('k', {})",
    (c) => c.append('k', {}),
    'MINTRING_BAD_VALUE',
    'append() takes a string or bytes, not a value of class Object: write JSON.stringify(value)',
  ],
  ["incr('k', '1')", (c) => c.incr('k', '1'), 'MINTRING_BAD_ARGUMENT', `delta ${UINT64} a string`],
  ["incr('k', -1)", (c) => c.incr('k', -1), 'MINTRING_BAD_ARGUMENT', `delta ${UINT64} -1`],
  [
    'incr: { ttl } alone',
    (c) => c.incr('k', 1, { ttl: 5 }),
    'MINTRING_BAD_ARGUMENT',
    'ttl needs initial, as in { initial: 1, ttl: 60 }: an existing counter keeps its time to live',
  ],
  [
    "cas('k', 1, 17)",
    (c) => c.cas('k', 1, 17),
    'MINTRING_BAD_ARGUMENT',
    'a CAS id is the bigint that gets() returns as .cas, not a number',
  ],
  [
    "cas('k', 1, id + 2n ** 64n)",
    (c) => c.cas('k', 1, 5n + 2n ** 64n),
    'MINTRING_BAD_ARGUMENT',
    'a CAS id is the bigint that gets() returns as .cas, not 18446744073709551621',
  ],
  [
    'getOrSet without a policy',
    (c) => c.getOrSet('k', load),
    'MINTRING_BAD_POLICY',
    `${POLICY} it must be an object, such as { ttl: 60 }, not undefined`,
  ],
  [
    "getOrSet('k', load, 60)",
    (c) => c.getOrSet('k', load, 60),
    'MINTRING_BAD_POLICY',
    `${POLICY} it must be an object, such as { ttl: 60 }, not a number`,
  ],
  [
    'getOrSet: policy first',
    (c) => c.getOrSet('k', { ttl: 60 }, load),
    'MINTRING_BAD_ARGUMENT',
    'getOrSet() needs a loader function, not an object: getOrSet(key, loader, { ttl: 60 })',
  ],
  [
    'getOrSet: { expires }',
    (c) => c.getOrSet('k', load, { ttl: 5, expires: 9 }),
    'MINTRING_BAD_POLICY',
    `${POLICY} there is no 'expires': ${WRITE_TTL}`,
  ],
  [
    'getOrSet: a misspelt window',
    (c) => c.getOrSet('k', load, { ttl: 5, staleWhileRevalidat: 9 }),
    'MINTRING_BAD_POLICY',
    `${POLICY} there is no 'staleWhileRevalidat'. Did you mean 'staleWhileRevalidate'?`,
  ],
  [
    "invalidate('k', 60)",
    (c) => c.invalidate('k', 60),
    'MINTRING_BAD_POLICY',
    `${POLICY} it must be an object, such as { ttl: 60 }, not a number`,
  ],
  [
    'flushAll(5)',
    (c) => c.flushAll(5),
    'MINTRING_BAD_ARGUMENT',
    `The options of flushAll() ${OBJECT} a number: write { delay: 5 }, in seconds`,
  ],
  [
    'stats({ timeoutMs })',
    (c) => c.stats({ timeoutMs: 5 }),
    'MINTRING_BAD_ARGUMENT',
    "stats() takes the name of a section first, such as 'items', not an object",
  ],
  [
    "meta.mg('k', true)",
    (c) => c.meta.mg('k', true),
    'MINTRING_BAD_ARGUMENT',
    'mg() takes an object of meta flags, such as { v: true }',
  ],
  [
    "meta.mg('k', { value })",
    (c) => c.meta.mg('k', { value: true }),
    'MINTRING_BAD_ARGUMENT',
    "mg() takes flags of one letter, such as { v: true }, not 'value'",
  ],
  [
    'slabs()',
    (c) => c.slabs(),
    'MINTRING_BAD_ARGUMENT',
    'slabs() takes an object with one of: automove, reassign',
  ],
  [
    'close(1000)',
    (c) => c.close(1000),
    'MINTRING_BAD_ARGUMENT',
    `The options of close() ${OBJECT} a number: write { drainMs: 1000 }, in milliseconds`,
  ],
  [
    'discover()',
    (c) => c.discover(),
    'MINTRING_BAD_ARGUMENT',
    'discover() needs the behavior discovery, which names the source of the servers',
  ],
  [
    'new MemcachedClient()',
    () => create(),
    'MINTRING_BAD_SERVER',
    "The servers must be a string such as 'a:11211,b:11211' or an array, not undefined: is " +
      'the environment variable set?',
  ],
  [
    'new MemcachedClient({ host })',
    () => create({ host: 'a' }),
    'MINTRING_BAD_SERVER',
    "The servers must be a string such as 'a:11211,b:11211' or an array, not an object: write " +
      "[{ host: 'a', port: 11211 }]",
  ],
  [
    'a port that cannot be',
    () => create('cache:99999'),
    'MINTRING_BAD_SERVER',
    "Bad server 'cache:99999': the port 99999 is not a whole number from 1 to 65535",
  ],
  [
    'a URL of another kind',
    () => create('tcp://cache:11211'),
    'MINTRING_BAD_SERVER',
    "Bad server 'tcp…': a URL begins with memcached:// or, for TLS, memcacheds://",
  ],
  [
    'the same server twice',
    () => create(['a:1', 'a:1']),
    'MINTRING_DUPLICATE_SERVER',
    "Server 'a:1' is listed twice: list it once, with a weight for more keys",
  ],
  [
    '{ retrys: 1 }',
    () => create('a', { retrys: 1 }),
    'MINTRING_BAD_BEHAVIOR',
    "Unknown behavior 'retrys'. Did you mean 'retries'?",
  ],
  [
    '{ connections: 5 }',
    () => create('a', { connections: 5 }),
    'MINTRING_BAD_BEHAVIOR',
    'connections takes an object with min, max, idleMs, got 5',
  ],
  [
    'configure(5)',
    (c) => c.configure(5),
    'MINTRING_BAD_BEHAVIOR',
    'Behaviors must be an object, such as { retryTimeoutMs: 30_000 }, not a number',
  ],
]

describe('invalid keys, values, policies and settings are refused before any I/O', () => {
  refuse(MISTAKES)
})

it('options are checked on every call, also when the policy of the key is known', async () => {
  const cache: Loose = new MemcachedClient('127.0.0.1:1')
  await cache.getOrSet('k', load, { ttl: 60 })
  const again = cache.getOrSet('k', load, { ttl: 60, expires: 60 })
  await assert.rejects(again, { code: 'MINTRING_BAD_POLICY' })
  await cache.close({ drainMs: 0 })
})
