import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { isMintringError } from '../../src/errors.ts'
import {
  type Memcached,
  skipWithoutMemcached,
  skipWithoutMeta,
  startMemcached,
} from '../support/memcached.ts'
import { sleep, until } from '../support/test-cluster.ts'

const POLICY = { ttl: 100, staleWhileRevalidate: 60, jitter: 0 } as const
/** Short timeouts for tests of hosts that fail; the others have long ones for a busy machine. */
const QUICK = {
  ...{ requestTimeoutMs: 500, connectTimeoutMs: 300, retryTimeoutMs: 300, deadTimeoutMs: 300 },
  serverFailureLimit: 1,
}
const skip = skipWithoutMemcached()

type Cleanup = { after(task: () => unknown): void }

async function servers(t: Cleanup, count: number): Promise<Memcached[]> {
  const all = await Promise.all(Array.from({ length: count }, () => startMemcached()))
  t.after(() => Promise.all(all.map((one) => one.stop())))
  return all
}

function clientOf(t: Cleanup, all: readonly Memcached[], behaviors = {}): MemcachedClient {
  const names = all.map(({ host, port }) => `${host}:${port}`)
  const client = new MemcachedClient(names, {
    ...{ requestTimeoutMs: 5_000, connectTimeoutMs: 5_000 },
    ...behaviors,
  })
  t.after(() => client.close({ drainMs: 0 }))
  return client
}

/** A key that belongs to that server. */
function keyAt(client: MemcachedClient, { host, port }: Memcached, prefix: string): string {
  for (let i = 0; ; i++) {
    if (client.locate(`${prefix}${i}`).server === `${host}:${port}`) return `${prefix}${i}`
  }
}

/** Returns a tag whose item is on that server. The key of the item determines the server. */
function tagAt(client: MemcachedClient, server: Memcached): string {
  return keyAt(client, server, '~tag~').slice('~tag~'.length)
}

describe('tags on real memcacheds', { skip }, () => {
  for (const protocol of ['meta', 'classic'] as const) {
    const lack = { skip: protocol === 'meta' && skipWithoutMeta() }
    test(
      `invalidated by one client make values of another stale, by ${protocol} commands`,
      lack,
      async (t) => {
        const all = await servers(t, 3)
        const [one, other] = [clientOf(t, all, { protocol }), clientOf(t, all, { protocol })]
        const policy = { ...POLICY, tags: ['product:17', 'grün', 'with space', 'x'.repeat(256)] }
        const values: unknown[] = ['text', { a: [1] }, 17, null, Buffer.from('bytes'), true, 5n, '']
        for (const [i, value] of values.entries()) {
          const key = `value:${i}`
          const entry = () =>
            other.getOrSetEntry<unknown>(key, () => value, { ...policy, negativeTtl: 50 })
          await one.getOrSet<unknown>(key, () => value, { ...policy, negativeTtl: 50 })
          assert.deepEqual([(await entry()).state, (await entry()).value], ['fresh', value])
          assert.deepEqual(await one.get(key), value)
          await one.invalidateTags(policy.tags[i % 4]!)
          const { state, staleBecause } = await entry()
          assert.deepEqual([state, staleBecause], ['stale', 'tag'])
          await until(() => other.refillCounters.refills.ok > i)
          assert.equal((await entry()).state, 'fresh')
        }
      },
    )

    test(`are read together with the key in one tick, by ${protocol} commands`, lack, async (t) => {
      const [server] = await servers(t, 1)
      const client = clientOf(t, [server!], { protocol })
      const policy = { ...POLICY, tags: ['a', 'b', 'c'] }
      await client.getOrSet('k', () => 1, policy)
      const before = await client.stats()
      await Promise.all(Array.from({ length: 32 }, () => client.getOrSet('k', () => 2, policy)))
      const after = await client.stats()
      const reads = (stats: typeof before): number => Number([...stats.values()][0]!.cmd_get)
      // One read for each of the three tags, and one for the key.
      assert.equal(reads(after) - reads(before), 4)
    })
  }

  test('work with a keyPrefix', async (t) => {
    const all = await servers(t, 1)
    const [a, b] = [clientOf(t, all, { keyPrefix: 'a:' }), clientOf(t, all, { keyPrefix: 'b:' })]
    const policy = { ...POLICY, tags: ['t'] }
    await Promise.all([a.getOrSet('k', () => 1, policy), b.getOrSet('k', () => 1, policy)])
    await a.invalidateTags('t')
    assert.equal((await a.getOrSetEntry('k', () => 2, policy)).state, 'stale')
    assert.equal((await b.getOrSetEntry('k', () => 2, policy)).state, 'fresh')
  })

  test('reload a value after an append, and no get returns them', async (t) => {
    const all = await servers(t, 1)
    const client = clientOf(t, all)
    const policy = { ...POLICY, tags: ['t'] }
    await client.getOrSet('k', () => 'text', policy)
    await client.append('k', Buffer.from('!'))
    await assert.rejects(client.get('k'), (error) => codeOf(error) === 'MINTRING_BAD_VALUE')
    const entry = await client.getOrSetEntry('k', () => 'new', policy)
    assert.deepEqual([entry.state, entry.value], ['miss', 'new'])
  })

  test('are stored with compressed and split values', async (t) => {
    const all = await servers(t, 1)
    const settings = { compressAboveBytes: 100, largeValues: 'split', maxItemBytes: 4_000 }
    const client = clientOf(t, all, settings)
    const policy = { ...POLICY, tags: ['t'] }
    const large = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 251))
    for (const [key, value] of [
      ['zipped', 'x'.repeat(1_000)],
      ['split', large],
    ] as const) {
      await client.getOrSet<unknown>(key, () => value, policy)
      const { state, value: read } = await client.getOrSetEntry<unknown>(key, () => 0, policy)
      assert.deepEqual([state, read], ['fresh', value])
      assert.deepEqual(await client.get(key), value)
    }
  })

  test('whose host is out make values stale, cause no loads, and are stale when it is back', async (t) => {
    const all = await servers(t, 2)
    const client = clientOf(t, all, QUICK)
    const key = keyAt(client, all[0]!, 'k')
    const tag = tagAt(client, all[1]!)
    const policy = { ...POLICY, tags: [tag] }
    let loads = 0
    const entry = () => client.getOrSetEntry(key, () => ++loads, policy)
    await entry()
    assert.equal((await entry()).state, 'fresh')
    await all[1]!.kill()
    for (let i = 0; i < 50; i++) {
      const { state, value } = await entry()
      assert.deepEqual([state, value], ['stale', 1])
    }
    assert.equal(loads, 1)
    await assert.rejects(client.invalidateTags(tag))
    await all[1]!.restart()
    await until(() => client.hosts().every(({ state }) => state === 'up'))
    assert.equal((await entry()).state, 'stale')
    await until(() => client.refillCounters.refills.ok === 2)
    assert.equal((await entry()).state, 'fresh')
    assert.equal(loads, 2)
  })

  test('that cannot be read are not the reason why an invalidated value is stale', async (t) => {
    const all = await servers(t, 2)
    const client = clientOf(t, all, QUICK)
    const key = keyAt(client, all[0]!, 'k')
    const policy = { ...POLICY, tags: [tagAt(client, all[1]!)] }
    await client.getOrSet(key, () => 1, policy)
    await all[1]!.kill()
    await client.invalidate(key)
    const { staleBecause } = await client.getOrSetEntry(key, () => 2, policy)
    assert.equal(staleBecause, 'invalidated')
  })

  test('are compared too when they arrive after the value', async (t) => {
    const all = await servers(t, 2)
    const [client, other] = [clientOf(t, all), clientOf(t, all)]
    const key = keyAt(client, all[0]!, 'k')
    const tag = tagAt(client, all[1]!)
    const policy = { ...POLICY, tags: [tag] }
    let version = 1
    const get = () => client.getOrSet(key, () => ({ version }), policy)
    const getBeforeTags = async () => {
      await all[1]!.pause()
      const values = Promise.all([get(), get()])
      await sleep(50)
      process.kill(all[1]!.pid, 'SIGCONT')
      return values
    }
    await get()
    const [one, two] = await getBeforeTags()
    assert.deepEqual([one, two], [{ version: 1 }, { version: 1 }])
    assert.notEqual(one, two)
    version = 2
    await other.invalidateTags(tag, { hard: true })
    assert.deepEqual(await getBeforeTags(), [{ version: 2 }, { version: 2 }])
  })

  test('that could not be invalidated while their host hung are changed when it is back', async (t) => {
    const all = await servers(t, 2)
    const client = clientOf(t, all, QUICK)
    const other = clientOf(t, all, QUICK)
    const key = keyAt(client, all[0]!, 'k')
    const tag = tagAt(client, all[1]!)
    const policy = { ...POLICY, tags: [tag] }
    await client.getOrSet(key, () => 1, policy)
    await all[1]!.pause()
    await assert.rejects(client.invalidateTags(tag))
    process.kill(all[1]!.pid, 'SIGCONT')
    await until(() => client.hosts().every(({ state, owed }) => state === 'up' && owed === 0))
    assert.equal((await other.getOrSetEntry(key, () => 2, policy)).state, 'stale')
  })

  test('get another version with each invalidation, also for values of a plain set', async (t) => {
    const all = await servers(t, 2)
    const [one, other] = [clientOf(t, all), clientOf(t, all)]
    const seen = await one.tagVersions(['a', 'b'])
    assert.equal(await other.tagVersions(['b', 'a', 'b']), seen)
    await other.invalidateTags('c')
    assert.equal(await one.tagVersions(['a', 'b']), seen)
    await other.invalidateTags('b')
    const soft = await one.tagVersions(['a', 'b'])
    assert.notEqual(soft, seen)
    await other.invalidateTags('a', { hard: true })
    assert.notEqual(await one.tagVersions(['a', 'b']), soft)
    assert.equal(await one.tagVersions([]), await other.tagVersions([]))
    await all[0]!.kill()
    await all[1]!.kill()
    await assert.rejects(one.tagVersions('a'))
  })

  test('replace items that another program stored under their names', async (t) => {
    const all = await servers(t, 1)
    const client = clientOf(t, all)
    const policy = { ...POLICY, tags: ['t'] }
    await client.getOrSet('k', () => 1, policy)
    await write(all[0]!, 'set \xff~tag~t 0 0 9\r\nno number\r\n')
    await client.invalidateTags('t')
    const entry = () => client.getOrSetEntry('k', () => 2, policy)
    await entry()
    await until(() => client.refillCounters.refills.ok === 2)
    assert.deepEqual([(await entry()).state, (await entry()).value], ['fresh', 2])
  })
})

/** An item of another program under a tag's key. A client would refuse such a key. */
async function write({ host, port }: Memcached, command: string): Promise<void> {
  const socket = net.connect(port, host)
  socket.end(Buffer.from(`${command}quit\r\n`, 'latin1'))
  socket.resume()
  await once(socket, 'close')
}

function codeOf(error: unknown): string | undefined {
  return isMintringError(error) ? error.code : undefined
}
