import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { ClearableStore } from '../../src/integrations/clearable.ts'
import { nextCacheHandler, nextIncrementalCache } from '../../src/integrations/next.ts'
import { RateLimitStore } from '../../src/integrations/rate-limit.ts'
import { generationKey } from '../../src/integrations/safe-key.ts'
import { compat } from '../../src/ring/compat.ts'
import { connect } from '../client/support.ts'
import { type Relay, startRelay } from '../support/relay.ts'

interface Fleet {
  /** Connects to each host through its own relay, which can be cut. */
  readonly blind: MemcachedClient
  readonly seeing: MemcachedClient
  /** Cuts the relay of `blind` to the host of a key, and waits until `blind` ejects that host. */
  cutHostOf(key: string): Promise<() => Promise<void>>
}

/**
 * Two clients of three hosts with the same names; one of them will lose the connection to a host.
 */
async function fleet(t: TestContext): Promise<Fleet> {
  const servers = await Promise.all([1, 2, 3].map(() => startServer()))
  const relays = await Promise.all(servers.map(({ port }) => startRelay(port)))
  t.after(() => Promise.all([...servers, ...relays].map((each) => each.close())))
  const named = (ports: readonly number[]): string[] =>
    ports.map((port, i) => `memcached://127.0.0.1:${port}?name=host-${i}`)
  // twemproxy's ring hashes host names, so both clients place keys alike despite other ports.
  const options = {
    ...compat.twemproxy,
    autoEjectHosts: true,
    // Long, because a cut relay refuses at once: a timeout would only mean a busy machine.
    requestTimeoutMs: 5000,
    connectTimeoutMs: 500,
    retryTimeoutMs: 500,
  }
  const blind = connect(t, named(relays.map(({ port }) => port)), options)
  const patience = { connectTimeoutMs: 5000, retryTimeoutMs: 5000 }
  const seeing = connect(t, named(servers.map(({ port }) => port)), { ...options, ...patience })
  const stateOf = (name: string): string | undefined =>
    blind.hosts().find((host) => host.name === name)?.state
  const cutHostOf: Fleet['cutHostOf'] = async (key) => {
    const { server } = blind.locate(key)
    const relay: Relay = relays[Number(server.slice('host-'.length))]!
    relay.cut()
    while (!blind.locate(key).ejected) await blind.get(key).catch(() => {})
    return async () => {
      relay.mend()
      while (stateOf(server) !== 'up') await sleep(5)
    }
  }
  return { blind, seeing, cutHostOf }
}

describe('a process that cannot reach the host with the generation (version) of a namespace', () => {
  test('clears no namespace of other processes, during the outage or after it', async (t) => {
    const { blind, seeing, cutHostOf } = await fleet(t)
    const [ours, theirs] = [blind, seeing].map((client) => new ClearableStore(client, () => ['s']))
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
    for (const key of keys) await theirs!.set(key, key, 0)
    const mend = await cutHostOf(generationKey('s', ''))
    for (let i = 0; i < 10; i++) await ours!.set(`own${i}`, i, 0).catch(() => {})
    assert.deepEqual(await theirs!.getMany(keys), keys)
    await mend()
    await ours!.set('own', 1, 0)
    assert.deepEqual(await theirs!.getMany(keys), keys)
    for (let tries = 0; (await ours!.getMany(keys)).includes(undefined); tries++) {
      assert.ok(tries < 200, 'the blind one still misses what it can see')
      await sleep(5)
    }
  })

  test('stores and reads values of its own during the outage', async (t) => {
    const { blind, cutHostOf } = await fleet(t)
    const store = new ClearableStore(blind, () => ['s'])
    await store.set('k', 'before', 0)
    await cutHostOf(generationKey('s', ''))
    const keys = Array.from({ length: 10 }, (_, i) => `own${i}`)
    for (const key of keys) await store.set(key, key, 0)
    const found = await store.getMany(keys)
    assert.deepEqual(found, keys)
  })

  test('does not restore what it cleared during the outage', async (t) => {
    const { blind, seeing, cutHostOf } = await fleet(t)
    const [ours, theirs] = [blind, seeing].map((client) => new ClearableStore(client, () => ['s']))
    await theirs!.set('k', 'old', 0)
    const mend = await cutHostOf(generationKey('s', ''))
    await ours!.clear('s')
    await mend()
    for (let tries = 0; (await theirs!.get('k')) !== undefined; tries++) {
      assert.ok(tries < 200, 'the cleared value is still there')
      await sleep(5)
    }
    assert.equal(await ours!.get('k'), undefined)
  })

  test('continues a rate limit from the same count', async (t) => {
    const { blind, seeing, cutHostOf } = await fleet(t)
    const [ours, theirs] = [blind, seeing].map((client) => new RateLimitStore(client))
    ours!.init({ windowMs: 60_000 })
    await theirs!.resetAll()
    // Choose a user whose counter is not on the host of the generation, which will be cut.
    const word = await seeing.get(generationKey('rl:', ''))
    const home = blind.locate(generationKey('rl:', '')).server
    // Such a hash places keys close together that differ only at their end.
    const user = Array.from({ length: 50 }, (_, i) => `${i}-is-a-user`).find(
      (name) => blind.locate(`rl:${word}${name}`).server !== home,
    )!
    assert.equal((await ours!.increment(user)).totalHits, 1)
    await cutHostOf(generationKey('rl:', ''))
    await sleep(1100)
    await ours!.increment(user)
    await sleep(50)
    assert.equal((await ours!.increment(user)).totalHits, 3)
  })

  test('invalidates no Next.js tag for other processes', async (t) => {
    const { blind, seeing, cutHostOf } = await fleet(t)
    const [ours, theirs] = [blind, seeing].map((client) => nextCacheHandler(client))
    const entry = () => ({
      value: new Blob(['page']).stream(),
      tags: ['news'],
      stale: 60,
      timestamp: Date.now(),
      expire: 3600,
      revalidate: 600,
    })
    await theirs!.set('page', Promise.resolve(entry()))
    const mend = await cutHostOf('next:t:news')
    for (let i = 0; i < 5; i++) await ours!.set(`own${i}`, Promise.resolve(entry()))
    await mend()
    await ours!.set('own', Promise.resolve(entry()))
    assert.ok(await theirs!.get('page'))
  })

  test('keeps Next.js entries during the outage, and drops them when other processes revalidate', async (t) => {
    const { blind, seeing, cutHostOf } = await fleet(t)
    const [ours, theirs] = [blind, seeing].map((client) => new (nextIncrementalCache(client))())
    const page = { kind: 'APP_PAGE', html: 'page', headers: { 'x-next-cache-tags': 'news' } }
    const keys = Array.from({ length: 10 }, (_, i) => `/${i}`)
    const found = async (by: typeof ours): Promise<number> => {
      const entries = await Promise.all(keys.map((key) => by!.get(key, { kind: 'APP_PAGE' })))
      return entries.filter((entry) => entry !== null).length
    }
    const mend = await cutHostOf('next:t:news')
    for (const key of keys) await ours!.set(key, page)
    assert.equal(await found(ours), keys.length)
    await sleep(2)
    await theirs!.revalidateTag('news')
    assert.equal(await found(ours), 0)
    await sleep(2)
    await theirs!.set('/theirs', page)
    await mend()
    await sleep(50)
    assert.ok(await theirs!.get('/theirs', { kind: 'APP_PAGE' }))
  })
})
