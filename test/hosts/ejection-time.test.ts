import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Behaviors, BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { startStopwatch } from '../support/stopwatch.ts'

/**
 * A margin for timers of a busy machine, and for requests in flight when the host began to hang.
 */
const SLACK_MS = 300
/** Timers of Node may fire some milliseconds early. */
const EARLY_MS = 20

const SETTINGS: readonly BehaviorsInput[] = [
  {},
  { requestTimeoutMs: 60 },
  { requestTimeoutMs: 60, serverFailureLimit: 4 },
  { requestTimeoutMs: 60, connectTimeoutMs: 60 },
  { requestTimeoutMs: 60, connections: { min: 2, max: 2 } },
  { requestTimeoutMs: 250, serverFailureLimit: 1 },
  { requestTimeoutMs: 250, serverFailureLimit: 3, retries: 0 },
  { requestTimeoutMs: 100, serverFailureLimit: 5, connectTimeoutMs: 1000 },
  { requestTimeoutMs: 500, connectTimeoutMs: 100 },
  { requestTimeoutMs: 400, connectTimeoutMs: 100, serverFailureLimit: 3 },
]

/** The time that docs/dead-hosts.md gives. */
function documentedMs({
  requestTimeoutMs,
  connectTimeoutMs,
  serverFailureLimit,
}: Behaviors): number {
  const more = serverFailureLimit - 1
  // The pauses between dials that fail, each twice as long as the last one.
  const pausesMs = connectTimeoutMs < requestTimeoutMs ? 100 * (2 ** Math.max(0, more - 1) - 1) : 0
  return requestTimeoutMs + more * Math.min(requestTimeoutMs, connectTimeoutMs) + pausesMs
}

test('a host that hangs is ejected when docs/dead-hosts.md says, for any setting', {
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
    let wallMs = 0
    process.kill(hanging!.pid, 'SIGSTOP')
    const startMs = nowMs()
    const startWallMs = performance.now()
    cache.on('eject', () => {
      tookMs ??= nowMs() - startMs
      wallMs ||= performance.now() - startWallMs
    })
    for (let i = 0; tookMs === undefined && nowMs() - startMs < 10_000; i++) {
      await cache.get(own[i % own.length]!).catch(() => {})
    }
    process.kill(hanging!.pid, 'SIGCONT')
    await cache.close({ drainMs: 0 })
    const promisedMs = documentedMs(cache.behaviors)
    const shown = `${JSON.stringify(settings)}: ${tookMs} ms, promised ${promisedMs}`
    assert.ok(tookMs !== undefined && tookMs < promisedMs + SLACK_MS, shown)
    assert.ok(wallMs > promisedMs - EARLY_MS, `${shown}, by the clock on the wall ${wallMs}`)
  }
})
