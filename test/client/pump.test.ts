import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import {
  type CopyProgress,
  Pump,
  type PumpHost,
  type PumpOptions,
  type PumpOutcome,
} from '../../src/client/pump.ts'
import { PumpLog } from '../../src/client/pump-log.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'
import type { MintringError } from '../../src/errors.ts'
import { skipWithoutDumps, startMemcached } from '../support/memcached.ts'
import { newFolder } from './warm-support.ts'

const KEYS = 400
const keyOf = (i: number): string => `key:${i}`

interface Desk {
  readonly servers: readonly EmbeddedServer[]
  readonly from: MemcachedClient
  readonly copied: Map<string, number>
  run(options?: PumpOptions, copy?: (key: string) => Promise<PumpOutcome>): Promise<CopyProgress>
  /** The keys that move from two servers to a third. */
  readonly moving: readonly string[]
}

/** Two servers that hold keys, half of which move. */
async function desk(t: TestContext, version = '1.6.45'): Promise<Desk> {
  const servers = await Promise.all([startServer({ version }), startServer({ version })])
  const addresses = servers.map((server) => server.address)
  return deskOf(t, addresses, servers)
}

async function deskOf(
  t: TestContext,
  addresses: readonly string[],
  servers: readonly EmbeddedServer[] = [],
): Promise<Desk> {
  const from = new MemcachedClient(addresses, { failover: 'error' })
  const to = new MemcachedClient([...addresses, '127.0.0.1:1'])
  t.after(async () => {
    await Promise.all([from.close(), to.close()])
    await Promise.all(servers.map((server) => server.close()))
  })
  // Bodies of many sizes, for many slab classes.
  const bodies = Array.from({ length: KEYS }, (_, i) => [keyOf(i), 'x'.repeat((i * 37) % 2_000)])
  await from.setMany(new Map(bodies as [string, string][]))
  const copied = new Map<string, number>()
  const moves = (key: string): boolean => from.locate(key).server !== to.locate(key).server
  const target = {
    moves: (key: string, host: string) => from.locate(key).server === host && moves(key),
    copy: async (key: string): Promise<PumpOutcome> => {
      copied.set(key, (copied.get(key) ?? 0) + 1)
      return 'copied'
    },
  }
  const run: Desk['run'] = (options = {}, copy = target.copy) =>
    new Pump(hostsOf(from), { ...target, copy }, options).run()
  return { servers, from, copied, run, moving: bodies.map(([key]) => key!).filter(moves) }
}

function hostsOf(from: MemcachedClient): PumpHost[] {
  return from.hosts().map(({ name }) => ({
    name,
    stats: async (section) => {
      const outcomes = await from.stats(section)
      const stats = outcomes.get(name)
      if (stats === undefined) throw outcomes.failed.get(name)
      return stats
    },
    mgdump: (range, signal) => from.mgdump({ host: name, range, signal }),
    metadump: (range, signal) => from.metadump({ host: name, range, signal }),
  }))
}

const change = { from: ['a', 'b'], to: ['a', 'b', 'c'], endsAtMs: 1_000_000 }

describe('warmFromPrevious: copying keys to their new hosts', () => {
  for (const version of ['1.6.45', '1.6.18']) {
    test(`starts a copy of every key that moves, once, and of no other key (${version})`, async (t) => {
      const { run, copied, moving } = await desk(t, version)
      const progress = await run()
      assert.deepEqual(new Set(copied.keys()), new Set(moving))
      assert.ok([...copied.values()].every((times) => times === 1))
      assert.deepEqual(progress, {
        ...{ items: KEYS, listed: KEYS, moved: moving.length, copied: moving.length },
        ...{ there: 0, absent: 0, failed: 0, resumed: 0 },
      })
    })
  }

  test('reports hosts before memcached 1.5.4 as failed, because their dumps have no end', async (t) => {
    const { run, copied } = await desk(t, '1.4.39')
    const told: unknown[] = []
    const { failed } = await run({ onError: (error) => told.push((error as MintringError).code) })
    assert.equal(failed, 2)
    assert.deepEqual(told, ['MINTRING_UNSUPPORTED', 'MINTRING_UNSUPPORTED'])
    assert.equal(copied.size, 0)
  })

  test('copies the keys of a real memcached, listed with mgdump or metadump', {
    skip: skipWithoutDumps(),
  }, async (t) => {
    const memcacheds = await Promise.all([startMemcached(), startMemcached()])
    t.after(() => Promise.all(memcacheds.map(({ kill }) => kill())))
    const addresses = memcacheds.map(({ host, port }) => `${host}:${port}`)
    const { run, copied, moving } = await deskOf(t, addresses)
    await run()
    assert.deepEqual(new Set(copied.keys()), new Set(moving))
  })

  test('does not copy a key that it finds on a host where the key does not belong', async (t) => {
    const { run, copied, servers } = await desk(t)
    for (const server of servers) {
      await using one = new MemcachedClient(server.address)
      await one.setMany(new Map(Array.from({ length: 50 }, (_, i) => [keyOf(KEYS + i), 'x'])))
    }
    await run()
    assert.ok([...copied.values()].every((times) => times === 1))
  })

  test('counts keys that the new host already had, and keys that had expired', async (t) => {
    const { run, moving } = await desk(t)
    const outcomes = ['copied', 'there', 'absent'] as const
    let i = 0
    const { copied, there, absent } = await run({}, async () => outcomes[i++ % 3]!)
    assert.equal(copied + there + absent, moving.length)
    assert.ok(copied > 0 && there > 0 && absent > 0)
  })

  test('continues when a key fails, and lists it', async (t) => {
    const { run, moving } = await desk(t)
    const told: string[] = []
    const bad = moving[3]!
    const onError = (_: unknown, key: string): void => void told.push(key)
    const progress = await run({ onError }, async (key) => {
      if (key === bad) throw new Error('refused')
      return 'copied'
    })
    assert.deepEqual(told, [bad])
    assert.deepEqual([progress.failed, progress.copied], [1, moving.length - 1])
  })

  test('continues with the other hosts when one is down, and names it', async (t) => {
    const { run, servers, copied, from } = await desk(t)
    await servers[0]!.kill()
    const told: string[] = []
    const progress = await run({ onError: (_, name) => void told.push(name) })
    assert.deepEqual(told, [servers[0]!.address])
    assert.equal(progress.failed, 1)
    assert.ok(copied.size > 0)
    assert.ok([...copied.keys()].every((key) => from.locate(key).server === servers[1]!.address))
  })

  test('starts no more copies per second than rate allows', async (t) => {
    const { run } = await desk(t)
    const beganMs: number[] = []
    await run({ perSecond: 50, concurrency: 50 }, async () => {
      beganMs.push(performance.now())
      return 'copied'
    })
    assert.ok(beganMs.length > 50)
    for (const [i, ms] of beganMs.entries()) {
      if (i >= 100)
        assert.ok(ms - beganMs[i - 100]! >= 990, `100 keys in ${ms - beganMs[i - 100]!}`)
    }
  })

  test('ends when its signal aborts, although copies hang, and reports how far it came', async (t) => {
    const { run } = await desk(t)
    const ending = new AbortController()
    let begun = 0
    const running = run({ signal: ending.signal, concurrency: 4 }, () => {
      // The first six copies end at once. The others never do, so only the signal ends the run.
      if (++begun === 7) ending.abort()
      return begun > 6 ? new Promise(() => {}) : Promise.resolve('copied')
    })
    await assert.rejects(running, {
      code: 'MINTRING_ABORTED',
      message: /The copy was aborted by its signal\. 6 copied, .* Run it again to continue/,
    })
  })

  test('reports its progress, also at the end', async (t) => {
    const { run } = await desk(t)
    const told: CopyProgress[] = []
    const done = await run({ onProgress: (progress) => told.push(progress) })
    assert.deepEqual(told.at(-1), done)
  })
})

describe('warmFromPrevious with a log', () => {
  test('skips the slab classes that the previous run finished', async (t) => {
    const { run, copied, moving } = await desk(t)
    const path = join(newFolder(t), 'copy.log')
    const ending = new AbortController()
    const log = new PumpLog(path, change)
    const first = run({ log, signal: ending.signal, concurrency: 1 }, async (key) => {
      copied.set(key, 1)
      if (copied.size === Math.floor(moving.length / 2)) ending.abort()
      return 'copied'
    })
    await assert.rejects(first, { code: 'MINTRING_ABORTED' })
    log.close()
    const done = await run({ log: new PumpLog(path, change) })
    assert.deepEqual(new Set(copied.keys()), new Set(moving))
    assert.ok(done.resumed > 5)
    assert.ok(done.moved < (moving.length * 2) / 3, `${done.moved} of ${moving.length} again`)
    assert.equal(done.listed, KEYS)
  })

  test('copies a slab class again in the next run if a key of it failed', async (t) => {
    const { run, moving } = await desk(t)
    const path = join(newFolder(t), 'copy.log')
    const bad = moving[5]!
    const log = new PumpLog(path, change)
    await run({ log }, async (key) => {
      if (key === bad) throw new Error('refused')
      return 'copied'
    })
    log.close()
    const again: string[] = []
    await run({ log: new PumpLog(path, change) }, async (key) => {
      again.push(key)
      return 'there'
    })
    assert.ok(again.includes(bad))
    assert.ok(again.length < moving.length / 2)
  })

  test('starts from the beginning for another change, and for another handover of the same change', (t) => {
    const path = join(newFolder(t), 'copy.log')
    for (const other of [{ to: ['d'] }, { from: ['d'] }, { endsAtMs: change.endsAtMs + 600_000 }]) {
      const log = new PumpLog(path, change)
      log.write('a', 5)
      log.close()
      assert.ok(new PumpLog(path, { ...change, endsAtMs: change.endsAtMs + 500 }).has('a', 5))
      assert.ok(!new PumpLog(path, { ...change, ...other }).has('a', 5))
    }
  })

  test('reads a log that a crash cut short', (t) => {
    const path = join(newFolder(t), 'copy.log')
    const log = new PumpLog(path, change)
    log.write('a', 5)
    log.close()
    appendFileSync(path, '{"host":"a","slab')
    const next = new PumpLog(path, change)
    next.write('a', 7)
    next.close()
    const last = new PumpLog(path, change)
    assert.deepEqual([last.has('a', 5), last.has('a', 6), last.has('a', 7)], [true, false, true])
  })

  test('refuses a file that is no such log, and leaves it unchanged', (t) => {
    const path = join(newFolder(t), 'notes.txt')
    for (const text of ['my notes\n', '{"position":5,"key":"a"}\n', 'no end of line']) {
      writeFileSync(path, text)
      assert.throws(() => new PumpLog(path, change), { code: 'MINTRING_BAD_ARGUMENT' })
      assert.equal(readFileSync(path, 'utf8'), text)
    }
  })
})
