import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import type { Outcomes } from '../../src/client/outcomes.ts'
import { neededCommand } from '../support/commands.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { startNutcracker } from '../support/nutcracker.ts'

const KEYS = Array.from({ length: 60 }, (_, n) => `key:${n}`)

interface Setup {
  readonly client: MemcachedClient
  readonly servers: readonly Memcached[]
  readonly events: string[]
}

/** A client of a twemproxy in front of three memcacheds. */
async function setUp(t: TestContext, protocol: 'auto' | 'classic'): Promise<Setup | undefined> {
  const command = neededCommand(t, 'nutcracker')
  if (command === undefined) return undefined
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  const port = await startNutcracker(
    t,
    command,
    servers.map((server) => `127.0.0.1:${server.port}:1`),
    {
      hash: 'md5',
      distribution: 'ketama',
      timeout: '400',
      auto_eject_hosts: 'false',
      server_retry_timeout: '100',
      server_failure_limit: '1',
    },
  )
  const client = new MemcachedClient(`127.0.0.1:${port}`, { protocol })
  t.after(() => client.close({ drainMs: 0 }))
  const events: string[] = []
  for (const name of ['eject', 'return'] as const) client.on(name, () => events.push(name))
  return { client, servers, events }
}

const POLICY = { ttl: 60, staleWhileRevalidate: 60 }

/** Repeats until it resolves: twemproxy retries a dead server after its retry timeout. */
async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isDone = await attempt().then(
      () => true,
      () => false,
    )
    if (isDone) return
    await new Promise((wake) => setTimeout(wake, 25))
  }
  assert.fail('the server did not come back')
}

/** Checks what refill verbs do for keys on live servers, and for keys on the dead one. */
async function refillsBesideADeadServer(
  client: MemcachedClient,
  live: readonly string[],
  dead: readonly string[],
): Promise<void> {
  for (const key of live) {
    assert.equal(await client.refresh(key, () => 'fresh', POLICY), 'fresh')
    const entry = await client.getOrSetEntry(key, () => 'new', POLICY)
    assert.deepEqual([entry.value, entry.state], ['fresh', 'fresh'], key)
    assert.equal(await client.delete(key), true)
    assert.equal((await client.getOrSetEntry(key, () => 'cold', POLICY)).state, 'miss', key)
    assert.equal((await client.getOrSetEntry(key, () => 'new', POLICY)).value, 'cold', key)
    assert.equal(await client.invalidate(key), true)
  }
  const [first, second, third] = dead as [string, string, string]
  for (let call = 0; call < 2; call++) {
    const entry = await client.getOrSetEntry(first, () => `load ${call}`, POLICY)
    assert.equal(entry.value, `load ${call}`, 'loaded, and not stored')
  }
  const refreshed = client.refresh(second, () => 'refreshed', POLICY)
  await assert.rejects(refreshed, { code: 'MINTRING_REFUSED' })
  await assert.rejects(client.invalidate(third), { code: 'MINTRING_REFUSED' })
}

const unsupported = {
  code: 'MINTRING_UNSUPPORTED',
  message: /is twemproxy, which has no .*: use|ask/,
}

describe('a client of twemproxy', { skip: skipWithoutMemcached() }, () => {
  for (const protocol of ['auto', 'classic'] as const) {
    test(`runs every classic verb (${protocol}), and ejects no host`, async (t) => {
      const { client, events } = (await setUp(t, protocol)) ?? {}
      if (client === undefined) return
      assert.equal(await client.set('a', 'x', { ttl: 60 }), true)
      assert.equal(await client.add('a', 'y', { ttl: 60 }), false)
      assert.equal(await client.replace('a', 'z', { ttl: 60 }), true)
      assert.equal(await client.get('a'), 'z')
      const entry = await client.gets('a')
      assert.equal(await client.cas('a', 'w', entry!.cas, { ttl: 60 }), 'stored')
      assert.equal(await client.touch('a', 60), true)
      assert.equal(await client.incr('n', 1, { initial: 5, ttl: 60 }), 5n)
      assert.equal(await client.incr('n', 2), 7n)
      assert.equal(await client.delete('a'), true)
      const stored = await client.setMany(
        KEYS.map((key) => [key, key] as const),
        { ttl: 60 },
      )
      assert.equal(stored.failed.size, 0)
      assert.equal((await client.getMany(KEYS)).size, KEYS.length)
      const singly = await Promise.all(KEYS.map((key) => client.get(key)))
      assert.deepEqual(singly, KEYS)
      assert.equal((await client.version()).size, 1)
      assert.deepEqual(events, [])
    })

    test(`refills (${protocol}), and ejects no host when a refill is the first command`, async (t) => {
      const { client, events } = (await setUp(t, protocol)) ?? {}
      if (client === undefined) return
      let loads = 0
      const policy = { ttl: 60, staleWhileRevalidate: 60 }
      const load = async (): Promise<number> => ++loads
      assert.equal(await client.getOrSet('page', load, policy), 1)
      assert.equal(await client.getOrSet('page', load, policy), 1)
      assert.equal(await client.invalidate('page'), true)
      assert.equal(await client.refresh('page', load, policy), 2)
      assert.equal(await client.getOrSet('page', load, policy), 2)
      const many = await client.getOrSetMany(
        KEYS,
        async (keys) => new Map(keys.map((k) => [k, k])),
        policy,
      )
      assert.equal(many.size, KEYS.length)
      assert.deepEqual(events, [])
    })

    test(`loses only the keys of a dead server, until it is back (${protocol})`, async (t) => {
      const { client, servers, events } = (await setUp(t, protocol)) ?? {}
      if (client === undefined || servers === undefined) return
      await client.setMany(
        KEYS.map((key) => [key, key] as const),
        { ttl: 60 },
      )
      const lost = new Set<string>()
      const alive = servers.slice(1).map(({ port }) => new MemcachedClient(`127.0.0.1:${port}`))
      t.after(() => Promise.all(alive.map((one) => one.close({ drainMs: 0 }))))
      const found = (await Promise.all(alive.map((one) => one.getMany(KEYS)))).flatMap((hits) => [
        ...hits.keys(),
      ])
      for (const key of KEYS) if (!found.includes(key)) lost.add(key)
      assert.ok(lost.size > 5 && lost.size < 55, `${lost.size} keys on the first server`)
      await servers[0]!.kill()
      for (let round = 0; round < 3; round++) {
        const singly: PromiseSettledResult<unknown>[] = await Promise.allSettled(
          KEYS.map((key) => client.get(key)),
        )
        for (const [n, { status }] of singly.entries()) {
          assert.equal(status, lost.has(KEYS[n]!) ? 'rejected' : 'fulfilled', KEYS[n])
        }
        const many: Outcomes<unknown> = await client.getManyDetailed(KEYS)
        assert.deepEqual(new Set(many.failed.keys()), lost)
        assert.equal(many.size, KEYS.length - lost.size)
      }
      for (const key of KEYS) {
        if (!lost.has(key)) assert.equal(await client.getOrSet(key, () => 'new', { ttl: 60 }), key)
      }
      const [key, ...others] = [...lost]
      const live = KEYS.filter((name) => !lost.has(name))
      await refillsBesideADeadServer(client, live.slice(0, 20), others)
      await servers[0]!.restart()
      await until(() => client.set(key!, 'back', { ttl: 60 }))
      assert.equal(await client.set(key!, 'again', { ttl: 60 }), true)
      assert.equal(await client.get(key!), 'again')
      assert.deepEqual(events, [])
    })
  }

  test('refuses verbs that twemproxy lacks at once, while other calls succeed', async (t) => {
    const { client, events } = (await setUp(t, 'auto')) ?? {}
    if (client === undefined) return
    await client.set('n', 1, { ttl: 60 })
    const refused = [
      () => client.gat('a', 60),
      () => client.stats(),
      () => client.flushAll(),
      () => client.verbosity(1),
      () => client.cacheMemlimit(64),
      () => client.meta.mg('a', { v: true }),
      () => client.raw('a', 'mg', 'a', 'v'),
      () => client.metadump().next(),
      () => client.watch('fetchers').next(),
    ]
    const counted: Promise<unknown>[] = []
    for (const refuse of refused) {
      counted.push(client.incr('n', 1))
      await assert.rejects(refuse, { code: 'MINTRING_UNSUPPORTED' }, String(refuse))
    }
    await Promise.all(counted)
    assert.equal(await client.get('n'), 1 + refused.length)
    await assert.rejects(client.gat('a', 60), unsupported)
    await assert.rejects(client.flushAll(), unsupported)
    assert.deepEqual(events, [])
  })
})
