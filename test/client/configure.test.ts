import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

/** Reads and writes without pause. Every value holds its key, so that a wrong value is noticed. */
class Load {
  operations = 0
  readonly errors: unknown[] = []
  readonly #cache: MemcachedClient
  readonly #timer: NodeJS.Timeout
  readonly #pending = new Set<Promise<void>>()

  constructor(cache: MemcachedClient, perSecond: number) {
    this.#cache = cache
    // Ten operations per tick: timers of less than a few milliseconds are not precise.
    this.#timer = setInterval(() => this.#tick(), 10_000 / perSecond)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#pending)
  }

  #tick(): void {
    for (let n = 0; n < 10; n++) {
      const operation = this.#operate(`key:${this.operations++ % 500}`).finally(() => {
        this.#pending.delete(operation)
      })
      this.#pending.add(operation)
    }
  }

  async #operate(key: string): Promise<void> {
    try {
      const found = await this.#cache.get(key)
      assert.ok(found === undefined || found === `value of ${key}`, `${key} holds ${found}`)
      if (found === undefined) await this.#cache.set(key, `value of ${key}`)
    } catch (error) {
      this.errors.push(error)
    }
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function connections(cache: MemcachedClient): Promise<number> {
  let total = 0
  for (const stats of (await cache.stats()).values()) total += Number(stats.total_connections)
  return total
}

const address = ({ host, port }: Memcached): string => `${host}:${port}`

describe('configure', () => {
  it('changes settings under 2,000 op/s with no error, no wrong value and no lost connection', {
    skip: skipWithoutMemcached(),
  }, async () => {
    const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
    await using cache = new MemcachedClient(servers.map(address), {
      requestTimeoutMs: 2000,
      connections: { min: 1, max: 1 },
    })
    await cache.version()
    const before = await connections(cache)
    const told: string[] = []
    cache.on('configure', ({ changes }) => told.push(...Object.keys(changes)))
    const load = new Load(cache, 2000)
    const changes = [
      { autoEjectHosts: false },
      { distribution: 'modula' },
      { requestTimeoutMs: 1000 },
      { retries: 2 },
      { distribution: 'ketama' },
      { hash: 'xxh32' },
      { keyPrefix: 'other:' },
      { autoEjectHosts: true, failover: 'miss' },
      { ejection: 'rebuild' },
    ] as const
    for (const change of changes) {
      await sleep(150)
      cache.configure(change)
    }
    await sleep(150)
    await load.stop()
    assert.deepEqual(load.errors, [])
    assert.ok(load.operations > 0, 'no operation ended')
    assert.equal(await connections(cache), before, 'a connection was lost')
    assert.deepEqual(
      told,
      changes.flatMap((change) => Object.keys(change)),
    )
    await Promise.all(servers.map((server) => server.stop()))
  })

  it('leaves operations in flight with the settings they began with', async () => {
    await using server = await startServer({ faults: { delayMs: 150, only: ['get'] } })
    await using cache = new MemcachedClient(server.address, { requestTimeoutMs: 2000 })
    await cache.set('k', 'v')
    const underWay = cache.get('k')
    cache.configure({ requestTimeoutMs: 30, retries: 0 })
    assert.equal(await underWay, 'v')
    await assert.rejects(cache.get('k'), { code: 'MINTRING_TIMEOUT' })
  })

  it('changes nothing when one of the changes is invalid', async () => {
    await using server = await startServer()
    const fractional = { distribution: 'cacheMemcachedFast' } as const
    const servers = [server.address, { host: '127.0.0.1', port: 1, weight: 1.5 }]
    await using cache = new MemcachedClient(servers, fractional)
    const { behaviors } = cache
    const places = () => Array.from({ length: 50 }, (_, n) => cache.locate(`key:${n}`))
    const before = places()
    let changes = 0
    cache.on('configure', () => changes++)
    const bad = [
      { retries: 2, hash: 'nope' },
      { retries: 2, nope: 1 },
      // Ketama takes only whole weights, which is found out when the ring is built.
      { retries: 2, distribution: 'ketama' },
      { retries: 2, retryTimeoutMs: 10, connectTimeoutMs: 20 },
      { retries: 2, discovery: { endpoint: 'a:1' } },
      { retries: 2, compression: 'lz4' },
    ]
    for (const change of bad) assert.throws(() => cache.configure(change as never))
    assert.equal(cache.behaviors, behaviors)
    assert.deepEqual(places(), before)
    assert.equal(changes, 0)
  })

  it('reports what changed, without secrets', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const told: unknown[] = []
    cache.on('configure', (message) => told.push(message))
    cache.configure({ retries: 3, username: 'ada', password: 'hunter2' })
    assert.deepEqual(told, [
      {
        changes: {
          retries: { from: 1, to: 3 },
          username: { from: undefined, to: 'ada' },
          password: { from: '[unset]', to: '[set]' },
        },
      },
    ])
  })

  it('applies an unusual setting and warns of it', async () => {
    await using cache = new MemcachedClient('127.0.0.1:1')
    const warned = new Promise((resolve) => cache.on('warning', ({ message }) => resolve(message)))
    cache.configure({ retryTimeoutMs: 100 })
    assert.match(String(await warned), /retryTimeoutMs \(100\) is below connectTimeoutMs/)
    assert.equal(cache.behaviors.retryTimeoutMs, 100)
  })

  it('opens new connections with the new settings', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address, { connections: { min: 1, max: 1 } })
    await cache.set('k', 'v')
    cache.configure({ tcpNoDelay: false, tcpKeepAliveMs: 0 })
    assert.equal(await cache.get('k'), 'v')
    assert.equal(server.connections, 1)
  })
})
