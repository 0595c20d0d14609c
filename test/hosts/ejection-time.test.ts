import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { startStopwatch } from '../support/stopwatch.ts'

/**
 * A margin for timers of a busy machine, and for requests in flight when the host began to hang.
 */
const SLACK_MS = 300

const SETTINGS: readonly BehaviorsInput[] = [
  {},
  { requestTimeoutMs: 60 },
  { requestTimeoutMs: 60, serverFailureLimit: 4 },
  { requestTimeoutMs: 60, connectTimeoutMs: 60 },
  { requestTimeoutMs: 60, connections: { min: 2, max: 2 } },
  { requestTimeoutMs: 250, serverFailureLimit: 1 },
  { requestTimeoutMs: 250, serverFailureLimit: 3, retries: 0 },
  { requestTimeoutMs: 100, serverFailureLimit: 5, connectTimeoutMs: 1000 },
]

test('a host that hangs is ejected after serverFailureLimit × requestTimeoutMs, for any setting', {
  skip: skipWithoutMemcached(),
}, async (context) => {
  const servers = await Promise.all([startMemcached(), startMemcached()])
  context.after(() => Promise.all(servers.map((server) => server.kill())))
  const [hanging] = servers
  const nowMs = startStopwatch(context)
  for (const settings of SETTINGS) {
    const cache = new MemcachedClient(
      servers.map(({ host, port }) => `${host}:${port}`),
      { retryTimeoutMs: 60_000, requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 },
    )
    const own = Array.from({ length: 100 }, (_, i) => `k${i}`).filter((key) => {
      return cache.locate(key).server.endsWith(`:${hanging!.port}`)
    })
    for (const key of own) await cache.set(key, '1')
    // Set the short timeouts only now: on a busy machine the preparation may take longer.
    cache.configure({ requestTimeoutMs: 500, connectTimeoutMs: 500, ...settings })
    let tookMs: number | undefined
    process.kill(hanging!.pid, 'SIGSTOP')
    const startMs = nowMs()
    cache.on('eject', () => {
      tookMs ??= nowMs() - startMs
    })
    for (let i = 0; tookMs === undefined && nowMs() - startMs < 10_000; i++) {
      await cache.get(own[i % own.length]!).catch(() => {})
    }
    process.kill(hanging!.pid, 'SIGCONT')
    const { serverFailureLimit, requestTimeoutMs } = cache.behaviors
    await cache.close({ drainMs: 0 })
    const promisedMs = serverFailureLimit * requestTimeoutMs
    const shown = `${JSON.stringify(settings)}: ${tookMs} ms, promised ${promisedMs}`
    assert.ok(tookMs !== undefined && tookMs < promisedMs + SLACK_MS, shown)
  }
})
