import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { behaviorsFrom } from '../../src/behaviors/behaviors-from.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

const address = ({ host, port }: Memcached): string => `${host}:${port}`
const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`)

interface Outcome {
  readonly errors: unknown[]
  readonly ejectedAfterMs: number
  readonly hits: number
  readonly returnedAfterMs: number
}

/** Three memcacheds; one is killed while keys are read and refilled, then restarted. */
async function loseAndRegainAHost(settings: Record<string, unknown>): Promise<Outcome> {
  const servers = await Promise.all([startMemcached(), startMemcached(), startMemcached()])
  const behaviors = behaviorsFrom.pylibmc(settings)
  await using cache = new MemcachedClient(servers.map(address), behaviors)
  const errors: unknown[] = []
  const readAll = async (): Promise<number> => {
    const found = await Promise.all(
      keys.map(async (key) => {
        try {
          const value = await cache.get(key)
          assert.ok(value === undefined || value === key)
          if (value === undefined) await cache.set(key, key)
          return value === undefined ? 0 : 1
        } catch (error) {
          errors.push(error)
          return 0
        }
      }),
    )
    return found.reduce<number>((sum, hit) => sum + hit, 0)
  }
  await readAll()
  assert.equal(await readAll(), keys.length)

  const killedMs = performance.now()
  const ejected = new Promise<number>((resolve) => {
    cache.on('eject', () => resolve(performance.now() - killedMs))
  })
  await servers[0]!.kill()
  let isOut = false
  void ejected.then(() => {
    isOut = true
  })
  while (!isOut) {
    assert.ok(performance.now() - killedMs < 10_000, 'the host was never ejected')
    await readAll()
  }
  await readAll()
  const hits = await readAll()

  await servers[0]!.restart()
  const restartedMs = performance.now()
  while (cache.hosts()[0]?.state !== 'up' && performance.now() - restartedMs < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const returnedAfterMs = performance.now() - restartedMs
  await Promise.all(servers.map((server) => server.stop()))
  return { errors, ejectedAfterMs: await ejected, hits, returnedAfterMs }
}

describe('settings written for pylibmc, on real memcacheds that lose a host', {
  skip: skipWithoutMemcached(),
}, () => {
  it('settings of Disqus: the dead host is ejected and its keys go to other hosts, without an error', async () => {
    // Disqus probes a dead host after 30 s; this test after 1 s, to see the host return.
    const outcome = await loseAndRegainAHost({
      ketama: true,
      _auto_eject_hosts: true,
      _retry_timeout: 1,
    })
    assert.deepEqual(outcome.errors, [])
    assert.ok(outcome.ejectedAfterMs < 3000, `ejected after ${outcome.ejectedAfterMs} ms`)
    assert.equal(outcome.hits, keys.length)
    assert.ok(outcome.returnedAfterMs < 4000, `back after ${outcome.returnedAfterMs} ms`)
    const asWritten = { ketama: true, _auto_eject_hosts: true, _retry_timeout: 30 }
    await using cache = new MemcachedClient('a,b,c', behaviorsFrom.pylibmc(asWritten))
    assert.equal(cache.behaviors.retryTimeoutMs, 30_000)
  })

  it('settings of MemCachier: one failure ejects the host, and a probe follows 2 s later', async () => {
    const outcome = await loseAndRegainAHost({
      tcp_nodelay: true,
      tcp_keepalive: true,
      connect_timeout: 2000,
      send_timeout: 750 * 1000,
      receive_timeout: 750 * 1000,
      _poll_timeout: 2000,
      ketama: true,
      remove_failed: 1,
      retry_timeout: 2,
      dead_timeout: 30,
    })
    assert.deepEqual(outcome.errors, [])
    assert.ok(outcome.ejectedAfterMs < 1000, `ejected after ${outcome.ejectedAfterMs} ms`)
    assert.equal(outcome.hits, keys.length)
    assert.ok(outcome.returnedAfterMs < 6000, `back after ${outcome.returnedAfterMs} ms`)
  })
})
