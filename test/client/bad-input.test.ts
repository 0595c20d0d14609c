import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { connect, countKnocks } from './support.ts'

/** A call that must reject with the expected code, before any connection is made. */
type Attempt = (cache: MemcachedClient) => Promise<unknown>

function refuses(what: string, code: ErrorCode, attempts: Readonly<Record<string, Attempt>>): void {
  for (const [name, attempt] of Object.entries(attempts)) {
    test(`${name} rejects ${what} with ${code}, before any I/O`, async (context) => {
      const { address, knocks } = await countKnocks(context)
      const cache = connect(context, [address], { maxItemBytes: 2048 })
      await assert.rejects(() => attempt(cache), { name: 'MintringError', code })
      await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal(knocks(), 0)
    })
  }
}

/** Every verb that takes a key, called with that key. */
function onEveryVerb(key: string): Record<string, Attempt> {
  return {
    get: (cache) => cache.get(key),
    gets: (cache) => cache.gets(key),
    gat: (cache) => cache.gat(key, 10),
    gats: (cache) => cache.gats(key, 10),
    getMany: (cache) => cache.getMany(['ok', key]),
    getManyDetailed: (cache) => cache.getManyDetailed([key]),
    set: (cache) => cache.set(key, 'v'),
    add: (cache) => cache.add(key, 'v'),
    replace: (cache) => cache.replace(key, 'v'),
    append: (cache) => cache.append(key, 'v'),
    prepend: (cache) => cache.prepend(key, 'v'),
    cas: (cache) => cache.cas(key, 'v', 1n),
    setMany: (cache) => cache.setMany([[key, 'v']]),
    deleteMany: (cache) => cache.deleteMany(['ok', key]),
    incr: (cache) => cache.incr(key),
    'incr from an initial number': (cache) => cache.incr(key, 1, { initial: 1 }),
    decr: (cache) => cache.decr(key),
    delete: (cache) => cache.delete(key),
    touch: (cache) => cache.touch(key, 10),
    locate: async (cache) => cache.locate(key),
    raw: (cache) => cache.raw(key, 'mg', 'a', 'v'),
    'meta.mg': (cache) => cache.meta.mg(key),
    'meta.ms': (cache) => cache.meta.ms(key, 'v'),
    'meta.md': (cache) => cache.meta.md(key),
    'meta.ma': (cache) => cache.meta.ma(key),
    'meta.me': (cache) => cache.meta.me(key),
  }
}

refuses('an empty key', 'MINTRING_BAD_KEY', onEveryVerb(''))
refuses('a key with a space', 'MINTRING_BAD_KEY', onEveryVerb('a b'))
refuses('a key with a line of its own', 'MINTRING_BAD_KEY', onEveryVerb('a\r\nflush_all\r\n'))
refuses('a key with a line feed', 'MINTRING_BAD_KEY', onEveryVerb('a\nb'))
refuses('a key with a NUL', 'MINTRING_BAD_KEY', onEveryVerb('a\0b'))
refuses('a key with a DEL', 'MINTRING_BAD_KEY', onEveryVerb('a\x7fb'))
refuses('a key of 251 bytes', 'MINTRING_BAD_KEY', onEveryVerb('k'.repeat(251)))
refuses('a key of 126 characters in 252 bytes', 'MINTRING_BAD_KEY', onEveryVerb('é'.repeat(126)))
refuses('a number for a key', 'MINTRING_BAD_KEY', onEveryVerb(1 as unknown as string))

for (const ttl of [-1, 1.5, Number.NaN, '5 minutes' as '5m', null as unknown as number]) {
  refuses(`a ttl of ${ttl}`, 'MINTRING_BAD_TTL', {
    set: (cache) => cache.set('k', 'v', { ttl }),
    add: (cache) => cache.add('k', 'v', { ttl }),
    replace: (cache) => cache.replace('k', 'v', { ttl }),
    cas: (cache) => cache.cas('k', 'v', 1n, { ttl }),
    setMany: (cache) => cache.setMany({ k: 'v' }, { ttl }),
    touch: (cache) => cache.touch('k', ttl),
    gat: (cache) => cache.gat('k', ttl),
    gats: (cache) => cache.gats('k', ttl),
    'incr from an initial number': (cache) => cache.incr('k', 1, { initial: 1, ttl }),
  })
}

refuses('no ttl at all', 'MINTRING_BAD_TTL', {
  touch: (cache) => cache.touch('k', undefined as unknown as number),
  gat: (cache) => cache.gat('k', undefined as unknown as number),
})

refuses('a value that cannot be stored', 'MINTRING_BAD_VALUE', {
  set: (cache) => cache.set('k', undefined),
  add: (cache) => cache.add('k', () => 1),
  cas: (cache) => cache.cas('k', Symbol('s'), 1n),
  setMany: (cache) => cache.setMany({ ok: 1, k: undefined }),
  append: (cache) => cache.append('k', 1 as unknown as string),
  prepend: (cache) => cache.prepend('k', { a: 1 } as unknown as string),
})

refuses('a value over the item size', 'MINTRING_TOO_LARGE', {
  set: (cache) => cache.set('k', 'x'.repeat(2048)),
  add: (cache) => cache.add('k', Buffer.alloc(2048)),
  replace: (cache) => cache.replace('k', { a: 'x'.repeat(2048) }),
  cas: (cache) => cache.cas('k', 'x'.repeat(2048), 1n),
  append: (cache) => cache.append('k', 'x'.repeat(2048)),
  'meta.ms': (cache) => cache.meta.ms('k', 'x'.repeat(2048)),
})

const tooLarge = 2n ** 64n
refuses('an invalid argument', 'MINTRING_BAD_ARGUMENT', {
  'cas without a bigint': (cache) => cache.cas('k', 'v', 1 as unknown as bigint),
  // While a key moves to a new host, the client adds a bit to its CAS ids.
  'cas over 65 bits': (cache) => cache.cas('k', 'v', 2n * tooLarge),
  'cas below 0': (cache) => cache.cas('k', 'v', -1n),
  'incr by a negative number': (cache) => cache.incr('k', -1),
  'incr by a fraction': (cache) => cache.incr('k', 1.5),
  'incr beyond safe numbers': (cache) => cache.incr('k', 2 ** 53),
  'incr over 64 bits': (cache) => cache.incr('k', tooLarge),
  'incr by a string': (cache) => cache.incr('k', '1' as unknown as number),
  'incr from a negative number': (cache) => cache.incr('k', 1, { initial: -1 }),
  'incr with a ttl and no initial': (cache) => cache.incr('k', 1, { ttl: 5 }),
  'getMany of a string': (cache) => cache.getMany('abc'),
  'getMany of a number': (cache) => cache.getMany(1 as unknown as string[]),
  'setMany of a number': (cache) => cache.setMany(1 as unknown as Record<string, unknown>),
  'deleteMany of null': (cache) => cache.deleteMany(null as unknown as string[]),
  'get with a negative timeoutMs': (cache) => cache.get('k', { timeoutMs: -1 }),
  'get with a timeoutMs that is NaN': (cache) => cache.get('k', { timeoutMs: Number.NaN }),
  'getMany with a timeoutMs of 0': (cache) => cache.getMany(['k'], { timeoutMs: 0 }),
  'set with a signal that is none': (cache) =>
    cache.set('k', 'v', { signal: {} as unknown as AbortSignal }),
  'flushAll with a negative delay': (cache) => cache.flushAll({ delay: -1 }),
  'verbosity that is a fraction': (cache) => cache.verbosity(1.5),
  'stats of two lines': (cache) => cache.stats('items\r\nflush_all'),
  'shutdown of nobody': (cache) => cache.shutdown('nobody'),
  'metadump of nobody': (cache) => cache.metadump({ host: 'nobody' }).next(),
  'watch without a topic': (cache) => cache.watch([]).next(),
  'mg with the flag q': (cache) => cache.meta.mg('k', { q: true } as object),
  'ms with an opaque of two words': (cache) => cache.meta.ms('k', 'v', { O: 'a b' }),
  'raw without a command': (cache) => cache.raw('k'),
  'raw with a key of 251 bytes': (cache) => cache.raw('k', 'get', 'k', 'x'.repeat(251)),
  'raw of two lines': (cache) => cache.raw('k', 'get a\r\nflush_all'),
  'raw of an unknown command': (cache) => cache.raw('k', 'frobnicate'),
  'raw shutdown': (cache) => cache.raw('k', 'shutdown'),
  'raw watch': (cache) => cache.raw('k', 'watch', 'fetchers'),
  'raw dump': (cache) => cache.raw('k', 'lru_crawler', 'metadump', 'all'),
  'raw with noreply': (cache) => cache.raw('k', 'delete', 'k', 'noreply'),
  'raw with the flag q': (cache) => cache.raw('k', 'mg', 'k', 'v', 'q'),
  'raw set without data': (cache) => cache.raw('k', 'set', 'k', 0, 0, 5),
  'raw set with the wrong length': (cache) => cache.raw('k', 'set', 'k', 0, 0, 5, Buffer.from('x')),
  'raw get with data': (cache) => cache.raw('k', 'get', 'k', Buffer.from('x')),
})

refuses('a signal that has fired', 'MINTRING_ABORTED', {
  get: (cache) => cache.get('k', { signal: AbortSignal.abort() }),
  set: (cache) => cache.set('k', 'v', { signal: AbortSignal.abort() }),
  getMany: (cache) => cache.getMany(['k'], { signal: AbortSignal.abort() }),
  version: (cache) => cache.version({ signal: AbortSignal.abort() }),
  metadump: (cache) => cache.metadump({ signal: AbortSignal.abort() }).next(),
})

const constructions: readonly (readonly [string, ErrorCode, unknown, BehaviorsInput])[] = [
  ['no servers', 'MINTRING_NO_SERVERS', [], {}],
  ['an empty string of servers', 'MINTRING_NO_SERVERS', '', {}],
  ['a port that is none', 'MINTRING_BAD_SERVER', ['a:0'], {}],
  ['a port over 65535', 'MINTRING_BAD_SERVER', ['a:65536'], {}],
  ['a weight of 0', 'MINTRING_BAD_SERVER', [{ host: 'a', weight: 0 }], {}],
  ['a weight that is NaN', 'MINTRING_BAD_SERVER', [{ host: 'a', weight: Number.NaN }], {}],
  ['one server twice', 'MINTRING_DUPLICATE_SERVER', ['a:1', 'a:1'], {}],
  ['servers that are a number', 'MINTRING_BAD_SERVER', 11211, {}],
  ['an unknown behavior', 'MINTRING_BAD_BEHAVIOR', ['a'], { retryTimeout: 1 } as BehaviorsInput],
  ['a behavior of a wrong type', 'MINTRING_BAD_BEHAVIOR', ['a'], { retries: '1' as never }],
  ['a prefix with a space', 'MINTRING_BAD_BEHAVIOR', ['a'], { keyPrefix: 'a b' }],
]

for (const [what, code, servers, behaviors] of constructions) {
  test(`a client constructor throws ${code} for ${what}`, () => {
    assert.throws(() => new MemcachedClient(servers as string, behaviors), {
      name: 'MintringError',
      code,
    })
  })
}

test('a client constructor suggests a similar name for an unknown behavior', () => {
  assert.throws(() => new MemcachedClient(['a'], { retryTimoutMs: 1 } as BehaviorsInput), {
    message: /retryTimeoutMs/,
  })
})
