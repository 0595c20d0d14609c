import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import type { ViewOptions } from '../../src/client/view.ts'
import { startServer } from '../../src/embedded/server.ts'

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
