import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import type { EmbeddedServer } from '../../src/embedded/embedded-server.ts'
import { startServer } from '../../src/embedded/server.ts'

const OLD = '1.5.22'
const NEW = '1.6.45'
const KEYS = 200
/** Ten operations every ten milliseconds: 1,000 a second. */
const TICK_MS = 10
const PER_TICK = 10
const POLICY = { ttl: 60, staleWhileRevalidate: 60 }

interface Outcome {
  operations: number
  readonly errors: string[]
  readonly wrong: string[]
}

/** The expected values of keys, and the newest value that an acknowledged plain write stored. */
class Origin {
  readonly #versions = new Map<string, number>()
  readonly acknowledged = new Map<string, number>()

  load(key: string): string {
    return `${key}@${this.version(key)}`
  }

  version(key: string): number {
    return this.#versions.get(key) ?? 0
  }

  change(key: string): void {
    this.#versions.set(key, this.version(key) + 1)
  }
}

/** Reads, refills, writes and counts at a steady pace until `isOver`. */
async function load(
  cache: MemcachedClient,
  isOver: () => boolean,
  kind: 'plain' | 'refill',
  outcome: Outcome,
): Promise<void> {
  const origin = new Origin()
  const running = new Set<Promise<void>>()
  for (let turn = 0; !isOver(); turn++) {
    for (let n = 0; n < PER_TICK; n++) {
      const step = operate(cache, origin, kind, turn * PER_TICK + n, outcome)
      running.add(step)
      void step.finally(() => running.delete(step))
    }
    await sleep(TICK_MS)
  }
  await Promise.all(running)
}

/** Waits until that many more operations of each kind have begun, and some time has passed. */
async function goOn(outcomes: readonly Outcome[], count: number, pauseMs: number): Promise<void> {
  const ends = outcomes.map(({ operations }) => operations + count)
  await sleep(pauseMs)
  while (outcomes.some(({ operations }, i) => operations < ends[i]!)) await sleep(TICK_MS)
}

async function operate(
  cache: MemcachedClient,
  origin: Origin,
  kind: 'plain' | 'refill',
  number: number,
  outcome: Outcome,
): Promise<void> {
  const key = `${kind}:${(number * 7919) % KEYS}`
  outcome.operations++
  try {
    const value =
      kind === 'refill'
        ? await cache.getOrSet(key, () => origin.load(key), POLICY)
        : await plain(cache, origin, key, number)
    if (value !== undefined && !String(value).startsWith(`${key}@`)) {
      outcome.wrong.push(`${key}: ${JSON.stringify(value)}`)
    }
    if (kind === 'refill' && number % 50 === 0) {
      origin.change(key)
      await cache.invalidate(key)
    }
  } catch (error) {
    outcome.errors.push(`${key}: ${(error as Error).message}`)
  }
}

/**
 * Stores a value in one of five calls, then reads the key. A read that begins after an acknowledged
 * write must return its value, a newer one or none: older values are counted as `old`.
 */
async function plain(
  cache: MemcachedClient,
  { acknowledged }: Origin,
  key: string,
  number: number,
): Promise<unknown> {
  if (number % 5 === 0) {
    await cache.set(key, `${key}@${number}`, { ttl: 60 })
    acknowledged.set(key, Math.max(number, acknowledged.get(key) ?? 0))
  }
  const least = acknowledged.get(key) ?? 0
  const isBatch = number % 7 === 0
  const value = isBatch ? (await cache.getMany([key])).get(key) : await cache.get(key)
  const isOld = value !== undefined && Number(String(value).split('@')[1]) < least
  return isOld ? `old ${String(value)}, and ${least} was acknowledged` : value
}

/** Stops a server and starts another version on its port, as an upgrade does. */
async function upgrade(server: EmbeddedServer, version: string): Promise<EmbeddedServer> {
  const { port } = server
  await server.close()
  return startServer({ port, version })
}

function clientOf(servers: readonly EmbeddedServer[]): MemcachedClient {
  return new MemcachedClient(
    servers.map((server) => server.address),
    { retryTimeoutMs: 100, deadTimeoutMs: 100, requestTimeoutMs: 1_000 },
  )
}

describe('a fleet of several memcached versions', () => {
  test('is upgraded host by host under load, without an error or a wrong value', async (t) => {
    const servers = await Promise.all([1, 2, 3].map(() => startServer({ version: OLD })))
    const cache = clientOf(servers)
    t.after(async () => {
      await cache.close({ drainMs: 0 })
      for (const server of servers) await server.close()
    })
    let isOver = false
    const kinds = ['plain', 'refill'] as const
    const outcomes = kinds.map((): Outcome => ({ operations: 0, errors: [], wrong: [] }))
    const loads = kinds.map((kind, i) => load(cache, () => isOver, kind, outcomes[i]!))
    await goOn(outcomes, 100, 500)
    for (const [index, server] of servers.entries()) {
      servers[index] = await upgrade(server, NEW)
      // An operator upgrades the next host only when this one is back.
      await goOn(outcomes, 100, 200)
      while (cache.hosts().some(({ state }) => state !== 'up')) await sleep(TICK_MS)
      await goOn(outcomes, 100, 200)
    }
    await goOn(outcomes, 100, 500)
    isOver = true
    await Promise.all(loads)
    for (const { operations, errors, wrong } of outcomes) {
      assert.deepEqual(errors.slice(0, 5), [], `${errors.length} errors of ${operations}`)
      assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} wrong of ${operations}`)
    }
    const versions = await cache.version()
    assert.deepEqual([...versions.values()], [NEW, NEW, NEW])
  })

  test('with one old host, uses on each host the commands that the host supports', async (t) => {
    const servers = await Promise.all([OLD, NEW, NEW].map((version) => startServer({ version })))
    const cache = clientOf(servers)
    const second = clientOf(servers)
    t.after(async () => {
      await Promise.all([cache, second].map((one) => one.close({ drainMs: 0 })))
      for (const server of servers) await server.close()
    })
    const keys = Array.from({ length: 60 }, (_, n) => `k:${n}`)
    const values: readonly unknown[] = [true, 'text', 5, { a: 1 }, 7n, Buffer.from('bytes')]
    for (const [n, key] of keys.entries()) {
      const value = values[n % values.length]
      assert.deepEqual(await cache.getOrSet(key, () => value, POLICY), value)
      assert.deepEqual(await second.get(key), value, `get of what getOrSet stored (${key})`)
    }
    const many = await second.getMany(keys)
    for (const [n, key] of keys.entries())
      assert.deepEqual(many.get(key), values[n % values.length])
    assert.equal(await cache.invalidate(keys[0]!), true)
    assert.equal(await second.refresh(keys[0]!, () => 'new', POLICY), 'new')
    assert.equal(await cache.get(keys[0]!), 'new')
  })
})
