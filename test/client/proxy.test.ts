import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { KeyvMintring } from '../../src/integrations/keyv.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'

/** Containers, tracing wrappers and mocks do this: every call has the Proxy as its `this`. */
const wrapped = <Wrapped extends object>(value: Wrapped): Wrapped => new Proxy(value, {})

describe('a client behind a JavaScript Proxy', () => {
  it('works with every verb', async () => {
    await using server = await startServer()
    const cache = wrapped(new MemcachedClient(server.address))
    const load = async (): Promise<number> => 1
    const calls: Readonly<Record<string, () => unknown>> = {
      set: () => cache.set('n', 1),
      get: () => cache.get('n'),
      gets: () => cache.gets('n'),
      getMany: () => cache.getMany(['n']),
      setMany: () => cache.setMany({ a: 1 }),
      incr: () => cache.incr('n'),
      touch: () => cache.touch('n', 60),
      getOrSet: () => cache.getOrSet('k', load, { ttl: 60 }),
      getOrSetEntry: () => cache.getOrSetEntry('k', load, { ttl: 60 }),
      refresh: () => cache.refresh('k', load, { ttl: 60 }),
      invalidate: () => cache.invalidate('k'),
      define: () => cache.define({ key: 'd', loader: load, ttl: 60 }).get(),
      'meta.mg': () => cache.meta.mg('n', { v: true }),
      raw: () => cache.raw('n', 'mg', 'n', 'v'),
      stats: () => cache.stats(),
      locate: () => cache.locate('n'),
      hosts: () => cache.hosts(),
      configure: () => cache.configure({ retries: 2 }),
      setServers: () => cache.setServers(server.address),
      on: () => cache.on('warning', () => {}),
      toJSON: () => cache.toJSON(),
      refillCounters: () => cache.refillCounters,
      close: () => cache.close(),
    }
    for (const [name, call] of Object.entries(calls)) {
      try {
        await call()
      } catch (error) {
        assert.fail(`${name}: ${error}`)
      }
    }
  })

  it('works as the client of adapter stores', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const limits = wrapped(new RateLimitStore(cache))
    limits.init({ windowMs: 60_000 } as Parameters<RateLimitStore['init']>[0])
    assert.equal((await limits.increment('visitor')).totalHits, 1)
    const keyv = wrapped(new KeyvMintring(cache))
    await keyv.set('k', 'v')
    assert.equal(await keyv.get('k'), 'v')
  })
})
