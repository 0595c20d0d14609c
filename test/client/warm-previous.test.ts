import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMeta, startMemcached } from '../support/memcached.ts'
import { newFolder } from './warm-support.ts'

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)
const LENGTHS = { announce: 1, handover: 20 }

interface Desk {
  readonly memcacheds: readonly Memcached[]
  readonly old: readonly string[]
  readonly all: readonly string[]
  /** A client of the first two memcacheds; adding the third makes keys move. */
  readonly cache: MemcachedClient
  /** Returns a client of that server alone, which shows what the server holds. */
  only(server: string): MemcachedClient
  moving(): string[]
}

async function desk(t: TestContext, behaviors: BehaviorsInput = {}): Promise<Desk> {
  const memcacheds = await Promise.all(Array.from({ length: 3 }, () => startMemcached()))
  const all = memcacheds.map(({ host, port }) => `${host}:${port}`)
  const old = all.slice(0, 2)
  const cache = new MemcachedClient(old, behaviors)
  const others: MemcachedClient[] = []
  t.after(async () => {
    await Promise.all([cache, ...others].map((client) => client.close()))
    await Promise.all(memcacheds.map(({ kill }) => kill()))
  })
  const only = (server: string): MemcachedClient => {
    const client = new MemcachedClient(server, { ...behaviors, handover: 0 })
    others.push(client)
    return client
  }
  // The third server receives the keys that move.
  const moving = (): string[] => KEYS.filter((key) => cache.locate(key).server === all[2])
  return { memcacheds, old, all, cache, only, moving }
}

async function untilMoving(cache: MemcachedClient): Promise<void> {
  while (cache.handover?.phase !== 'move') await sleep(20)
}

describe('warmFromPrevious', { skip: skipWithoutMeta() }, () => {
  test('copies every key that moves, with its value, flags and remaining ttl', async (t) => {
    const { cache, all, only, moving } = await desk(t)
    const values = new Map(KEYS.map((key, i) => [key, { of: key, text: 'x'.repeat(i * 7) }]))
    await cache.setMany(values, { ttl: 500 })
    cache.setServers(all, LENGTHS)
    const { copied, moved, failed, listed } = await cache.warmFromPrevious()
    assert.deepEqual([copied, moved, failed], [moving().length, moving().length, 0])
    assert.ok(listed >= KEYS.length)
    const third = only(all[2]!)
    assert.ok(moving().length > 50)
    for (const key of moving()) {
      assert.deepEqual(await third.get(key), values.get(key), key)
      const { ttl } = await third.meta.mg(key, { t: true })
      assert.ok(ttl! > 490 && ttl! <= 500, `${ttl}`)
    }
  })

  test('never overwrites a newer value, and does not restore deleted keys', async (t) => {
    const { cache, all, moving } = await desk(t)
    await cache.setMany(new Map(KEYS.map((key) => [key, 'old'])))
    cache.setServers(all, LENGTHS)
    await untilMoving(cache)
    const keys = moving()
    const changing = keys.map(async (key, i) => {
      await sleep(i % 40)
      if (i % 3 === 0) await cache.set(key, 'new')
      if (i % 3 === 1) await cache.delete(key)
    })
    await Promise.all([cache.warmFromPrevious({ concurrency: 50 }), ...changing])
    for (const [i, key] of keys.entries()) {
      const expected = ['new', undefined, 'old'][i % 3]
      assert.equal(await cache.get(key), expected, key)
    }
  })

  test('skips keys that are already copied when it runs again', async (t) => {
    const { cache, all, moving } = await desk(t)
    await cache.setMany(new Map(KEYS.map((key) => [key, 'old'])))
    cache.setServers(all, LENGTHS)
    const resumeFrom = join(newFolder(t), 'copy.log')
    await cache.warmFromPrevious({ resumeFrom })
    const again = await cache.warmFromPrevious()
    assert.deepEqual([again.copied, again.there], [0, moving().length])
    const resumed = await cache.warmFromPrevious({ resumeFrom })
    assert.equal(resumed.moved, 0)
    assert.ok(resumed.resumed > 0)
  })

  test('copies from a placement with another prefix and another distribution', async (t) => {
    const { cache, all, old } = await desk(t, { keyPrefix: 'old:', distribution: 'modula' })
    await cache.setMany(new Map(KEYS.map((key) => [key, `of ${key}`])))
    const previous = { servers: old, keyPrefix: 'old:', distribution: 'modula' as const }
    await using next = new MemcachedClient(all, { keyPrefix: 'new:', previous, ...LENGTHS })
    await next.get('anything')
    const { copied, failed } = await next.warmFromPrevious()
    assert.deepEqual([copied, failed], [KEYS.length, 0])
    await using plain = new MemcachedClient(all, { keyPrefix: 'new:', handover: 0 })
    for (const key of KEYS) assert.equal(await plain.get(key), `of ${key}`)
  })

  test('waits until values may move, and ends within a second when its signal aborts', async (t) => {
    const { cache, all } = await desk(t)
    await cache.setMany(new Map(KEYS.map((key) => [key, 'old'])))
    cache.setServers(all, { announce: 30, handover: 60 })
    const signal = AbortSignal.timeout(300)
    const beganMs = performance.now()
    await assert.rejects(cache.warmFromPrevious({ signal }), { code: 'MINTRING_ABORTED' })
    assert.ok(performance.now() - beganMs < 1_300)
  })

  test('rejects when the handover ends before all keys are copied, and says what to do', async (t) => {
    const { cache, all } = await desk(t)
    await cache.setMany(new Map(KEYS.map((key) => [key, 'old'])))
    cache.setServers(all, { announce: 1, handover: 2 })
    await assert.rejects(cache.warmFromPrevious({ perSecond: 5 }), {
      code: 'MINTRING_TIMEOUT',
      message: /The handover ended before all values were copied: use a longer handover/,
    })
  })

  test('rejects when no server changes, and for invalid options', async (t) => {
    const { cache } = await desk(t)
    await assert.rejects(cache.warmFromPrevious(), {
      code: 'MINTRING_BAD_ARGUMENT',
      message: /No handover is in progress/,
    })
    for (const options of [{ ttl: 5 }, { perSecond: 0 }, { concurrency: 0 }, 5, { signal: 5 }]) {
      const refused = cache.warmFromPrevious(options as never)
      await assert.rejects(refused, { code: 'MINTRING_BAD_ARGUMENT' }, JSON.stringify(options))
    }
  })

  test('is published as one operation named warm on the batch channel', async (t) => {
    const { cache, all, moving } = await desk(t)
    await cache.setMany(new Map(KEYS.map((key) => [key, 'old'])))
    cache.setServers(all, LENGTHS)
    const told: Record<string, unknown>[] = []
    const listen = (message: unknown): void => void told.push(message as Record<string, unknown>)
    const ended = channel('tracing:mintring:batch:asyncEnd')
    ended.subscribe(listen)
    t.after(() => ended.unsubscribe(listen))
    await cache.warmFromPrevious()
    const { command, batchSize, hits, failed } = told.find((one) => one.command === 'warm')!
    const count = moving().length
    assert.deepEqual([command, batchSize, hits, failed], ['warm', count, count, 0])
  })
})
