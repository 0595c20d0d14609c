import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { isMintringError } from '../../src/errors.ts'
import { Memcached } from '../../src/integrations/compat.ts'
import { call, serve } from './compat-support.ts'

describe('the callbacks of mintring/compat', () => {
  test('get the same values as with memcached for a miss, a hit, NOT_STORED and an absent counter', async (t) => {
    const { memcached } = await serve(t)
    const miss = await call(memcached, 'get', 'k')
    assert.deepEqual([miss.error, miss.result], [undefined, undefined])
    assert.equal((await call(memcached, 'set', 'k', { a: 1 }, 10)).result, true)
    assert.deepEqual((await call(memcached, 'get', 'k')).result, { a: 1 })
    const { error, result } = await call(memcached, 'add', 'k', 1, 10)
    assert.equal((error as { notStored?: boolean }).notStored, true)
    assert.equal(result, false)
    assert.equal((await call(memcached, 'incr', 'none', 1)).result, false)
    assert.equal((await call(memcached, 'del', 'none')).result, false)
  })

  test('get stored empty text, which is not a miss', async (t) => {
    const { memcached } = await serve(t)
    await call(memcached, 'set', 'k', '', 10)
    assert.equal((await call(memcached, 'get', 'k')).result, '')
    assert.equal((await call(memcached, 'append', 'k', 'more')).result, true)
    assert.equal((await call(memcached, 'get', 'k')).result, 'more')
  })

  test('get a decremented counter for a negative number', async (t) => {
    const { memcached } = await serve(t)
    await call(memcached, 'set', 'n', 10, 0)
    assert.equal((await call(memcached, 'incr', 'n', -3)).result, 7)
    assert.equal((await call(memcached, 'decr', 'n', -3)).result, 10)
    assert.equal((await call(memcached, 'incr', 'n', 0)).result, 10)
  })

  test('are called with the details of the command as `this`', async (t) => {
    const { memcached } = await serve(t, { namespace: 'ns:' })
    const before = Date.now()
    const about = (await call(memcached, 'set', 'k', 'v', 10)).call
    assert.deepEqual([about.type, about.key, about.value, about.lifetime], ['set', 'ns:k', 'v', 10])
    assert.ok(about.start >= before && about.execution >= 0)
    assert.equal(typeof about.callback, 'function')
  })

  test('work with util.promisify, and may be omitted', async (t) => {
    const { memcached } = await serve(t)
    memcached.set('k', 'v', 10)
    const get = promisify(memcached.get).bind(memcached) as (key: string) => Promise<unknown>
    assert.equal(await get('k'), 'v')
    memcached.get('with space')
    memcached.add('k', 'again', 10)
    assert.equal(await get('k'), 'v')
  })

  test('are called for servers given as a string, as a list and with weights', () => {
    const named = (locations?: ConstructorParameters<typeof Memcached>[0]): readonly string[] => {
      const memcached = new Memcached(locations)
      memcached.end()
      return memcached.servers
    }
    assert.deepEqual(named(), ['localhost:11211'])
    assert.deepEqual(named([]), ['localhost:11211'])
    assert.deepEqual(named('10.0.0.1'), ['10.0.0.1'])
    assert.deepEqual(named(['a:1', '/run/m.sock']), ['a:1', '/run/m.sock'])
    assert.deepEqual(named({ 'a:1': 2, b: 1 }), ['a:1', 'b'])
    const memcached = new Memcached({ 'a:1': 2, '/run/m.sock': 3 })
    assert.deepEqual(
      memcached.client.hosts().map((host) => host.weight),
      [2, 3],
    )
    memcached.end()
  })

  test('are never called if a server is given as a URL: the constructor throws, without its password', () => {
    for (const location of ['memcached://ada:secret@cache:11211', 'ada:secret@cache:11211']) {
      for (const listed of [location, ['a:1', location], { [location]: 2 }]) {
        assert.throws(
          () => new Memcached(listed),
          (error: Error & { code?: string }) => {
            assert.equal(error.code, 'MINTRING_BAD_SERVER')
            return !error.message.includes('secret') && error.message.includes('MemcachedClient')
          },
        )
      }
    }
  })

  test('use the options of the package memcached, for one client and as global defaults', () => {
    Memcached.config = { failures: 7, timeout: 300 }
    const memcached = new Memcached('a:1', { timeout: 200, secret: 'x' } as object)
    Memcached.config = {}
    const { serverFailureLimit, requestTimeoutMs, valueFlags } = memcached.client.behaviors
    assert.deepEqual([serverFailureLimit, requestTimeoutMs, valueFlags], [7, 200, 'memcached'])
    memcached.end()
    const strict = new Memcached('a:1', { failures: 0 })
    assert.equal(strict.client.behaviors.serverFailureLimit, 1)
    strict.end()
  })

  test('get values of keys over 250 bytes, which are hashed with MD5, namespace included', async (t) => {
    const { memcached } = await serve(t, { namespace: 'ns:' })
    await call(memcached, 'set', 'x'.repeat(300), 'long', 0)
    // The MD5 of 'ns:' and 300 times 'x', which is the key that is sent.
    assert.equal(await memcached.client.get('b2f1f9fcc991672f53973d451b59ecb9'), 'long')
    const many = await call(memcached, 'getMulti', ['x'.repeat(300), 'none'])
    assert.deepEqual(many.result, { ['x'.repeat(300)]: 'long' })
  })

  test('get the error messages of the package memcached for invalid calls', async (t) => {
    const { memcached } = await serve(t, { keyCompression: false })
    const messages: unknown[] = []
    for (const [method, ...words] of [
      ['get', 'with space'],
      ['get', 'x'.repeat(251)],
      ['set', 'k', 'v', 'soon'],
      ['incr', 'k', '1'],
      ['set', 'k', 'x'.repeat(2_000_000), 0],
      ['cachedump', '127.0.0.1:1', 1, 1],
    ] as const) {
      const { error } = await call(memcached, method, ...words)
      messages.push((error as Error).message)
    }
    assert.deepEqual(messages, [
      'The key should not contain any whitespace or new lines',
      'Argument "key" is longer than the maximum allowed length of 250',
      'Argument "lifetime" is not a valid Number.',
      'Argument "value" is not a valid Number.',
      'The length of the value is greater than 1048576',
      'connect ECONNREFUSED 127.0.0.1:1',
    ])
    const { error, result } = await call(memcached, 'getMulti', 'no list')
    assert.equal((error as Error[])[0]?.message, 'Argument "key" is not a valid Array.')
    assert.deepEqual(result, {})
  })

  test('get the hits of several servers, and an error that names the server that is down', async (t) => {
    const options = { timeout: 300, retries: 0, remove: false }
    const { memcached, servers } = await serve(t, options, 3)
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
    for (const key of keys) await call(memcached, 'set', key, key, 0)
    const all = await call(memcached, 'get', keys)
    assert.equal(all.error, undefined)
    assert.equal(Object.keys(all.result as object).length, 30)
    await servers[0]?.kill()
    const some = await call(memcached, 'get', keys)
    assert.ok(Array.isArray(some.error) && some.error.length === 1)
    assert.match(some.error[0].message, /ECONNREFUSED|ECONNRESET|EPIPE|closed/)
    assert.ok(isMintringError(some.error[0].cause ?? some.error[0]))
    assert.ok(Object.keys(some.result as object).length < 30)
    const versions = await call(memcached, 'version')
    assert.equal((versions.result as unknown[]).length, 2)
    assert.ok(versions.error instanceof Error)
  })

  test('get the items of a slab class', async (t) => {
    const { memcached, servers } = await serve(t)
    for (const key of ['a', 'b', 'c']) await call(memcached, 'set', key, 'v', 0)
    const server = servers[0]?.address
    const dump = (await call(memcached, 'cachedump', server, 1, 10)).result as { key: string }[]
    assert.deepEqual(dump.map((item) => item.key).sort(), ['a', 'b', 'c'])
    assert.deepEqual(
      (await call(memcached, 'cachedump', server, 1, 1)).call.type,
      'stats cachedump',
    )
    assert.deepEqual((await call(memcached, 'get', 'a')).result, 'v')
  })

  test('may throw, which becomes an uncaught exception', async (t) => {
    const { memcached } = await serve(t)
    const thrown = new Promise((resolve) => {
      const others = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other)
        resolve(error.message)
      })
    })
    memcached.get('k', () => {
      throw new Error('of the callback')
    })
    assert.equal(await thrown, 'of the callback')
  })
})
