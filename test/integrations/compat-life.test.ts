import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import type { Memcached } from '../../src/integrations/compat.ts'
import { call, serve } from './compat-support.ts'

describe('the lifecycle of a mintring/compat client', () => {
  test('it works again after end(), and after close() of the client underneath', async (t) => {
    const { memcached } = await serve(t)
    assert.equal((await call(memcached, 'set', 'k', 'v', 0)).result, true)
    const underWay = call(memcached, 'get', 'k')
    const { client } = memcached
    memcached.end()
    assert.equal((await underWay).result, 'v')
    assert.equal((await call(memcached, 'get', 'k')).result, 'v')
    assert.notEqual(memcached.client, client)
    await memcached.client.close()
    assert.equal((await call(memcached, 'get', 'k')).result, 'v')
    memcached.end()
    memcached.end()
  })

  test('it accepts many thousands of calls at once', async (t) => {
    const { memcached } = await serve(t)
    await call(memcached, 'set', 'k', 'v', 0)
    const all = await Promise.all(Array.from({ length: 20_000 }, () => call(memcached, 'get', 'k')))
    assert.equal(
      all.filter(({ error, result }) => error === undefined && result === 'v').length,
      20_000,
    )
    assert.equal(memcached.activeQueries, 0)
  })

  test('it refuses calls over maxQueueSize with the message of the package memcached', async (t) => {
    const { memcached } = await serve(t, { maxQueueSize: 2 })
    const all = await Promise.all(['a', 'b', 'c'].map((key) => call(memcached, 'get', key)))
    assert.deepEqual(
      all.map(({ error }) => error),
      [undefined, undefined, 'over queue limit'],
    )
    assert.equal((await call(memcached, 'get', 'a')).error, undefined)
  })

  test('it returns a key named __proto__ as an own property', async (t) => {
    const { memcached } = await serve(t)
    await call(memcached, 'set', '__proto__', { isAdmin: true }, 0)
    for (const method of ['getMulti', 'gets']) {
      const words = method === 'gets' ? '__proto__' : ['__proto__']
      const { result } = await call(memcached, method, words)
      assert.equal('isAdmin' in (result as object), false)
      assert.ok(Object.hasOwn(result as object, '__proto__'))
    }
  })

  test('it has its options as properties, which can be read and changed', async (t) => {
    const { memcached } = await serve(t, { namespace: 'one:' })
    await call(memcached, 'set', 'k', 1, 0)
    memcached.namespace = 'other:'
    assert.equal((await call(memcached, 'get', 'k')).result, undefined)
    memcached.namespace = 'one:'
    memcached.maxKeySize = 3
    const about = (await call(memcached, 'get', 'k')).call
    assert.match(about.command, /^get [0-9a-f]{32}$/)
    memcached.maxValue = 2
    const { error } = await call(memcached, 'set', 'k', 'long', 0)
    assert.equal((error as Error).message, 'The length of the value is greater than 2')
  })
})

describe('the events of a mintring/compat client', () => {
  test('report an issue, a failure, the removal and the return of a server', async (t) => {
    const options = { timeout: 200, retries: 0, failures: 1, retry: 50, remove: true }
    const { memcached, servers } = await serve(t, options)
    const heard: string[] = []
    const details: Record<string, unknown>[] = []
    for (const event of ['issue', 'failure', 'remove', 'reconnecting', 'reconnect']) {
      memcached.on(event, (told) => {
        if (!heard.includes(event)) heard.push(event)
        details.push(told)
      })
    }
    await call(memcached, 'set', 'k', 'v', 0)
    await servers[0]?.kill()
    assert.ok((await call(memcached, 'get', 'k')).error)
    await servers[0]?.restart()
    while (!heard.includes('reconnect')) await new Promise((wake) => setTimeout(wake, 10))
    assert.deepEqual([...heard].sort(), ['failure', 'issue', 'reconnect', 'reconnecting', 'remove'])
    assert.ok(heard.indexOf('failure') < heard.indexOf('reconnecting'))
    for (const told of details) {
      assert.equal(told.server, servers[0]?.address)
      assert.deepEqual(told.tokens, [String(servers[0]?.port), '127.0.0.1'])
    }
    assert.equal(details.at(-1)?.totalReconnectsSuccess, 1)
  })

  test('report why a server failed when every command succeeded on another server', async (t) => {
    const options = { timeout: 300, retries: 3, failures: 1, retry: 50 }
    const { memcached, servers } = await serve(t, options, 2)
    const failure = new Promise<Memcached.IssueData>((told) => memcached.once('failure', told))
    await servers[0]?.kill()
    for (let i = 0; i < 20; i++)
      assert.equal((await call(memcached, 'get', `k${i}`)).error, undefined)
    const { server, messages } = await failure
    assert.equal(server, servers[0]?.address)
    assert.match(messages.join(), /^Error: .*(ECONNREFUSED|ECONNRESET)/)
  })

  test('report a failover server that replaces a removed one', async (t) => {
    const standBy = await startServer()
    t.after(() => standBy.close())
    const failOverServers = [standBy.address]
    const options = { timeout: 300, retries: 1, failures: 1, remove: true, failOverServers }
    const { memcached, servers } = await serve(t, options, 2)
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    const homes = keys.map((key) => memcached.client.locate(key).server)
    await servers[0]?.kill()
    while (memcached.client.hosts()[0]?.address !== standBy.address) {
      await call(memcached, 'get', keys[homes.indexOf(servers[0]?.address ?? '')])
      await new Promise((wake) => setTimeout(wake, 5))
    }
    for (const key of keys) assert.equal((await call(memcached, 'set', key, key, 0)).result, true)
    const moved = homes.filter((home) => home === servers[0]?.address).length
    assert.equal(standBy.items, moved)
    assert.deepEqual(
      keys.map((key) => memcached.client.locate(key).server),
      homes,
    )
    assert.deepEqual(failOverServers, [])
  })
})
