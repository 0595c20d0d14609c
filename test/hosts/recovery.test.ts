import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MemcachedClient } from '../../src/index.ts'
import { RestartedPool } from './restarted-pool.ts'

const LONG = { ttl: 3_600 } as const
const never = (): never => assert.fail('the origin was asked')

/**
 * What a verb returns for a key that a fallback host stored with the value 7, and the value then.
 */
const VERBS: Readonly<
  Record<
    string,
    readonly [(cache: MemcachedClient, key: string) => Promise<unknown>, unknown, unknown]
  >
> = {
  get: [(cache, key) => cache.get(key), 7, 7],
  gets: [async (cache, key) => (await cache.gets(key))?.value, 7, 7],
  gat: [(cache, key) => cache.gat(key, 60), 7, 7],
  getMany: [async (cache, key) => (await cache.getMany([key])).get(key), 7, 7],
  getOrSet: [(cache, key) => cache.getOrSet(key, never, LONG), 7, 7],
  getOrSetMany: [
    async (cache, key) => (await cache.getOrSetMany([key], never, LONG)).get(key),
    7,
    7,
  ],
  touch: [(cache, key) => cache.touch(key, 60), true, 7],
  incr: [(cache, key) => cache.incr(key, 5), 12n, 12],
  append: [(cache, key) => cache.append(key, '0'), true, 70],
  add: [(cache, key) => cache.add(key, 8), false, 7],
  replace: [(cache, key) => cache.replace(key, 8), true, 8],
  set: [(cache, key) => cache.set(key, 8), true, 8],
  setMany: [async (cache, key) => (await cache.setMany([[key, 8]])).get(key), true, 8],
  delete: [(cache, key) => cache.delete(key), true, undefined],
  invalidate: [(cache, key) => cache.invalidate(key), true, 7],
  refresh: [(cache, key) => cache.refresh(key, () => 8, LONG), 8, 8],
  'meta get': [async (cache, key) => String((await cache.meta.mg(key, { v: true })).value), '7', 7],
}

/** Processes that change a key at home, and whether they saw the outage. */
const WRITERS = {
  'a process that saw the outage': async (pool, seen) => {
    await pool.back(seen)
    return seen
  },
  'a process that was idle meanwhile': async (_, __, idle) => idle,
  'a process that starts later': async (pool) => pool.open(),
  'a process that starts later, with classic commands': async (pool) =>
    pool.open({ protocol: 'classic' }),
} satisfies Record<
  string,
  (pool: RestartedPool, seen: MemcachedClient, idle: MemcachedClient) => Promise<MemcachedClient>
>

const CHANGES: Readonly<Record<string, (cache: MemcachedClient, key: string) => Promise<unknown>>> =
  {
    'deletes it': (cache, key) => cache.delete(key),
    'sets another value, which is evicted': async (cache, key) => {
      await cache.set(key, 8)
      const alone = new MemcachedClient([cache.locate(key).server])
      await alone.delete(key)
      await alone.close()
    },
    'deletes many': (cache, key) => cache.deleteMany([key]),
    'invalidates it': (cache, key) => cache.invalidate(key),
  }

suite('a host that was restarted', () => {
  for (const [verb, [run, result, value]] of Object.entries(VERBS)) {
    test(`gets a value from its fallback host before ${verb}`, async (t) => {
      const pool = await RestartedPool.start(t)
      const [key] = pool.keys(1) as [string]
      const cache = pool.open()
      await cache.set(key, 1)
      await pool.stop(cache)
      await cache.getOrSet(key, () => 7, LONG)
      await pool.restart(cache)
      await pool.back(cache)
      assert.deepEqual(await run(cache, key), result)
      const other = pool.open()
      assert.equal(await other.get(key), value, 'what other processes read')
    })
  }
})

suite('a host that was restarted, for several processes', () => {
  test('gets values that were set meanwhile, with their ttl, for all processes, without a load', async (t) => {
    const pool = await RestartedPool.start(t)
    const keys = pool.keys(30)
    const [one, two] = [pool.open(), pool.open()]
    for (const key of keys) await one.set(key, 1)
    await two.get(keys[0]!)
    await pool.stop(one, two)
    for (const key of keys) await one.set(key, 7, { ttl: 500 })
    await pool.restart(one)
    await pool.back(one, two)
    for (const cache of [one, two, pool.open()]) {
      const values = await cache.getOrSetMany(keys, never, LONG)
      assert.deepEqual(
        [...values.values()],
        keys.map(() => 7),
      )
    }
    const { ttl } = (await one.meta.mg(keys[0]!, { t: true })) as { ttl: number }
    assert.ok(ttl > 400 && ttl <= 500, `${ttl} s`)
  })

  for (const [who, writer] of Object.entries(WRITERS)) {
    for (const [how, change] of Object.entries(CHANGES)) {
      test(`gets no value home that ${who} has changed: ${how}`, async (t) => {
        const pool = await RestartedPool.start(t)
        const [key, busy] = pool.keys(2) as [string, string]
        const [seen, reader, idle] = [pool.open(), pool.open(), pool.open()]
        for (const cache of [seen, reader, idle]) await cache.set(key, 1)
        await pool.stop(seen, reader)
        await seen.getOrSet(key, () => 7, LONG)
        assert.equal(await reader.get(key), 7)
        await pool.restart(seen)
        const changing = await writer(pool, seen, idle)
        await change(changing, key)
        await pool.back(reader)
        await reader.get(busy)
        const { state, value } = await reader.getOrSetEntry(key, () => 9, LONG)
        assert.ok(value !== 7 || state !== 'fresh', `${value} is ${state}`)
      })
    }
  }

  test('gets what a process that still sees it out changes, also in processes that started since', async (t) => {
    const pool = await RestartedPool.start(t)
    const [key] = pool.keys(1) as [string]
    const [late, seen] = [pool.open({ retryTimeoutMs: 60_000, deadTimeoutMs: 60_000 }), pool.open()]
    for (const cache of [late, seen]) await cache.set(key, 1)
    await pool.stop(late, seen)
    await pool.ejected(late)
    await seen.getOrSet(key, () => 7, LONG)
    await pool.restart(seen)
    await pool.back(seen)
    assert.equal(await seen.get(key), 7)
    const started = pool.open()
    assert.equal(await started.get(key), 7)
    for (const version of [8, 9]) {
      await late.set(key, version)
      assert.equal(await started.get(key), version)
    }
    await late.delete(key)
    assert.equal(await started.get(key), undefined)
  })
})

suite('nothing is handed home', () => {
  test('to a host that refused connections and kept its items', async (t) => {
    const pool = await RestartedPool.start(t, 60_000)
    const gate = await pool.gate(0)
    const [key] = pool.keys(1) as [string]
    const [seen, reader] = [pool.open(), pool.open()]
    for (const cache of [seen, reader]) await cache.get(key)
    const { port } = gate
    await gate.close()
    await pool.lost(seen, reader)
    await seen.getOrSet(key, () => 7, LONG)
    assert.equal(await reader.get(key), 7)
    await gate.open(port)
    await pool.back(reader)
    assert.equal(await reader.get(key), undefined)
  })

  for (const [why, behaviors] of Object.entries({
    'with handover: 0': { handover: 0 },
    'with missedTtl: 0': { missedTtl: 0 },
    'with classic commands': { protocol: 'classic' },
  } as const)) {
    test(why, async (t) => {
      const pool = await RestartedPool.start(t)
      const [key] = pool.keys(1) as [string]
      const cache = pool.open(behaviors)
      await cache.get(key)
      await pool.stop(cache)
      await cache.set(key, 7, LONG)
      await pool.restart(cache)
      await pool.back(cache)
      assert.equal(await cache.get(key), undefined)
    })
  }

  test('once a process could not delete a copy before a change', async (t) => {
    const pool = await RestartedPool.start(t)
    const standIn = await pool.gate(1)
    const [key, other] = pool.keys(2) as [string, string]
    const [seen, reader] = [pool.open(), pool.open()]
    for (const cache of [seen, reader]) await cache.get(key)
    await pool.stop(seen, reader)
    for (const one of [key, other]) await seen.getOrSet(one, () => 7, LONG)
    for (const one of [key, other]) assert.equal(await reader.get(one), 7)
    await pool.restart(seen)
    await pool.back(seen, reader)
    assert.equal(await seen.get(other), 7, 'it has found the record')
    standIn.set('delete', 'lost', 1_000)
    await seen.delete(key)
    standIn.set('delete', 'lost', 0)
    assert.equal(await reader.get(key), undefined)
  })

  test('once a change of servers has begun', async (t) => {
    const pool = await RestartedPool.start(t)
    const [key] = pool.keys(1) as [string]
    const [seen, reader] = [pool.open(), pool.open()]
    for (const cache of [seen, reader]) await cache.get(key)
    await pool.stop(seen, reader)
    await seen.getOrSet(key, () => 7, LONG)
    assert.equal(await reader.get(key), 7)
    await pool.restart(seen)
    await pool.back(seen, reader)
    seen.setServers(pool.list.slice(0, 2))
    await seen.delete(key)
    assert.equal(await reader.get(key), undefined)
  })
})

test('a mark that a fallback host did not get is stored by the next request that needs it', async (t) => {
  const pool = await RestartedPool.start(t)
  const standIn = await pool.gate(1)
  const [key] = pool.keys(1) as [string]
  const cache = pool.open()
  await cache.get(key)
  await pool.stop(cache)
  standIn.set('~away~', 'lost')
  await cache.set(key, 6)
  for (let i = 0; i < 5; i++) assert.equal(await cache.set(key, i), true)
  assert.equal(await cache.get(key), 4)
  assert.ok(standIn.hasSprung)
})
