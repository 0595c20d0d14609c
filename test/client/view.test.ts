import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ViewOptions } from '../../src/client/view.ts'
import { startServer } from '../../src/embedded/server.ts'
import { PATIENT, serve } from './support.ts'

/** Values are bytes, wire keys are upper case, and keys are placed by their original form. */
const shouting: ViewOptions = {
  keys: { wireKey: (key) => key.toUpperCase(), routeKey: (key) => key },
  codec: {
    encode: (value) => ({ body: value as Buffer, flags: 7 }),
    decode: (_flags, body) => body.valueBuffer(),
  },
}

describe('a view of a client', () => {
  test('uses its own wire keys, codec and route keys', async (t) => {
    const servers = await Promise.all([1, 2, 3].map(() => startServer({ port: 0 })))
    const cache = new MemcachedClient(servers.map(({ address }) => address))
    t.after(async () => {
      await cache.close()
      await Promise.all(servers.map((server) => server.close()))
    })
    const view = cache.view(shouting)
    const policy = { ttl: 60, placeholder: 'sidecar' } as const
    let elsewhere = 0
    for (let i = 0; i < 30; i++) {
      const key = `key-${i}`
      const loaded = await view.getOrSetEntry(key, () => Buffer.from('bytes'), policy)
      assert.equal(loaded.state, 'miss')
      const kept = await cache.raw(cache.locate(key).server, 'mg', key.toUpperCase(), 'v', 'f')
      assert.equal(kept[0]?.data?.toString(), 'bytes')
      if (cache.locate(key).server !== cache.locate(key.toUpperCase()).server) elsewhere++
      assert.equal((await view.get<Buffer>(key))?.toString(), 'bytes')
      assert.equal(await view.delete(key), true)
      assert.equal(await view.get(key), undefined)
    }
    assert.ok(elsewhere > 5)
  })

  test('rejects refills on servers without meta commands', async (t) => {
    const server = await startServer({ port: 0 })
    const cache = new MemcachedClient(server.address, { protocol: 'classic' })
    t.after(async () => {
      await cache.close()
      await server.close()
    })
    const view = cache.view(shouting)
    const refused = view.getOrSetEntry('key', () => Buffer.from('x'), { ttl: 60 })
    await assert.rejects(refused, { code: 'MINTRING_UNSUPPORTED' })
  })

  test('closes with its client', async () => {
    const server = await startServer({ port: 0 })
    const cache = new MemcachedClient(server.address)
    const view = cache.view(shouting)
    await cache.close()
    await assert.rejects(
      view.getOrSetEntry('key', () => Buffer.from('x'), { ttl: 60 }),
      {
        code: 'MINTRING_CLOSED',
      },
    )
    await server.close()
  })
})

describe('a view with only a keyPrefix', () => {
  const POLICY = { ttl: 60, staleWhileRevalidate: 60 } as const

  for (const protocol of ['meta', 'classic'] as const) {
    test(`has the items of its client, under longer keys (${protocol})`, async (t) => {
      const { cache } = await serve(t, { ...PATIENT, protocol, keyPrefix: 'shop:' })
      const users = cache.view({ keyPrefix: 'user:' })
      await users.set('1', { name: 'Ada' })
      assert.deepEqual(await cache.get('user:1'), { name: 'Ada' })
      await cache.set('user:2', 'é')
      assert.equal(await users.get('2'), 'é')
      assert.deepEqual([...(await users.getManyDetailed(['1', '2', '3'])).keys()], ['1', '2'])
      const asked: string[] = []
      const load = (key: string): string => {
        asked.push(key)
        return `page ${key}`
      }
      assert.equal(await users.getOrSet('page', load, POLICY), 'page page')
      assert.deepEqual(asked, ['page'])
      assert.equal(await cache.getOrSet('user:page', load, POLICY), 'page page')
      assert.equal(await users.invalidate('page'), true)
      assert.equal((await cache.getOrSetEntry('user:page', load, POLICY)).state, 'stale')
      assert.equal(await users.refresh('page', load, POLICY), 'page page')
      assert.equal(await users.delete('page'), true)
      assert.equal(await cache.get('user:page'), undefined)
    })
  }

  test('shares the load of an item with its client, and a write through either ends the sharing', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const view = cache.view({ keyPrefix: 'p:' })
    let loads = 0
    let finish = (): void => {}
    const slow = (): Promise<number> =>
      new Promise((resolve) => {
        loads++
        finish = () => resolve(loads)
      })
    const first = view.getOrSet('k', slow, POLICY)
    while (loads === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const second = cache.getOrSet('p:k', slow, POLICY)
    finish()
    assert.deepEqual(await Promise.all([first, second]), [1, 1])
    await cache.delete('p:k')
    const third = cache.getOrSet('p:k', slow, POLICY)
    while (loads === 1) await new Promise((resolve) => setTimeout(resolve, 1))
    await view.set('k', 'newer')
    assert.equal(await cache.getOrSet('p:k', slow, POLICY), 'newer')
    finish()
    assert.equal(await third, 2)
    assert.equal(await view.get('k'), 'newer')
  })

  test('follows the settings of its client while it is open', async (t) => {
    const { cache } = await serve(t, PATIENT)
    const view = cache.view({ keyPrefix: 'p:' })
    cache.configure({ keyPrefix: 'new:', longKeys: 'hash' })
    const long = 'x'.repeat(300)
    await view.set(long, 'value')
    assert.equal(await cache.get(`p:${long}`), 'value')
    const { server } = cache.locate('k')
    await view.set('k', 'value')
    const [reply] = await cache.raw(server, 'mg', 'new:p:k', 'v')
    assert.equal(reply?.data?.toString(), 'value')
    for (const bad of ['', 'a b', 5 as never]) {
      await assert.rejects(view.get(bad), { code: 'MINTRING_BAD_KEY' })
      await assert.rejects(
        view.getOrSet(bad, () => 1, POLICY),
        { code: 'MINTRING_BAD_KEY' },
      )
    }
  })
})

test('a view rejects what its codec must not return from encode()', async (t) => {
  const { cache } = await serve(t)
  const badFlags = [undefined, -1, 2 ** 32, 0.5].map((flags) => ({ body: 'x', flags }))
  for (const wrong of [undefined, 'text', {}, { body: 5, flags: 0 }, ...badFlags]) {
    for (const encode of [() => wrong, async () => wrong] as never[]) {
      const view = cache.view({ keyPrefix: 'v:', codec: { encode, decode: () => 1 } })
      await assert.rejects(view.set('k', 1), {
        code: 'MINTRING_BAD_VALUE',
        message: /codec must return \{ body, flags \}/,
      })
    }
  }
})

test('a view with a codec has the refill defaults of its client, which configure() changes', async (t) => {
  const { cache } = await serve(t, { ...PATIENT, staleWhileRevalidate: 0 })
  const view = cache.view(shouting)
  const load = (): Buffer => Buffer.from('bytes')
  await view.getOrSetEntry('a', load, { ttl: 60 })
  await view.invalidate('a')
  assert.equal((await view.getOrSetEntry('a', load, { ttl: 60 })).state, 'miss')
  cache.configure({ staleWhileRevalidate: 60 })
  await view.getOrSetEntry('b', load, { ttl: 60 })
  await view.invalidate('b')
  assert.equal((await view.getOrSetEntry('b', load, { ttl: 60 })).state, 'stale')
})
