import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { describe, type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { type Memcached, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'
import { sleep, until } from '../support/test-cluster.ts'

const POLICY = { ttl: 100, staleWhileRevalidate: 60, jitter: 0 } as const
/** Long enough for a busy machine. */
const SLOW = { requestTimeoutMs: 5_000, connectTimeoutMs: 5_000 }
const QUICK = {
  ...{ requestTimeoutMs: 500, connectTimeoutMs: 300, retryTimeoutMs: 300, deadTimeoutMs: 300 },
  serverFailureLimit: 1,
}

/** Shorter than a lease: a reader that waits for the next one would fail the test. */
const LIMIT_MS = 20_000
const yes = (): boolean => true
const no = (): boolean => false

async function started(t: TestContext, args: readonly string[][], behaviors: object) {
  const servers = await Promise.all(args.map((each) => startMemcached({ args: each })))
  const client = new MemcachedClient(servers.map(nameOf), behaviors)
  t.after(async () => {
    await client.close({ drainMs: 0 })
    // A stopped process would not end.
    for (const { pid } of servers) process.kill(pid, 'SIGCONT')
    await Promise.all(servers.map((server) => server.stop()))
  })
  return { client, servers }
}

function nameOf({ host, port }: Memcached): string {
  return `${host}:${port}`
}

/** Returns a key of that server. A tag's server is that of the key with `~tag~` before its name. */
function keyAt(client: MemcachedClient, server: Memcached, prefix: string): string {
  for (let i = 0; ; i++) {
    if (client.locate(`${prefix}${i}`).server === nameOf(server)) return `${prefix}${i}`
  }
}

/** Stores more items of the size of a tag than the server has memory for. */
async function fill({ host, port }: Memcached, round: number): Promise<void> {
  const socket = net.connect(port, host)
  const keys = Array.from({ length: 30_000 }, (_, i) => `${round}:${i}`.padEnd(10))
  const sets = keys.map((key) => `set ${key.trimEnd()} 0 0 20 noreply\r\n${'x'.repeat(20)}\r\n`)
  socket.end(`${sets.join('')}quit\r\n`)
  socket.resume()
  await once(socket, 'close')
}

describe('values with tags', { skip: skipWithoutMemcached() }, () => {
  test('are stale, and loaded once each, when memcached evicted their tag to make room', async (t) => {
    const { client, servers } = await started(t, [[], ['-m', '2']], SLOW)
    const [roomy, full] = servers as [Memcached, Memcached]
    const tags = [keyAt(client, full, '~tag~').slice('~tag~'.length)]
    const keys = Array.from({ length: 20 }, (_, i) => keyAt(client, roomy, `k${i}:`))
    let loads = 0
    const states = async (): Promise<string[]> => {
      const found = new Set<string>()
      for (const key of keys) {
        const entry = await client.getOrSetEntry(key, () => ++loads, { ...POLICY, tags })
        found.add(`${entry.state} ${entry.staleBecause}`)
      }
      return [...found]
    }
    await states()
    let found = await states()
    for (let round = 0; round < 20 && found[0]!.startsWith('fresh'); round++) {
      await fill(full, round)
      found = await states()
    }
    assert.deepEqual(found, ['stale tag'])
    await until(() => client.refillCounters.refills.ok === 2 * keys.length)
    assert.deepEqual([await states(), loads], [['fresh undefined'], 2 * keys.length])
  })

  test('are not fresh on a returned host when a tag was invalidated while it was ejected', async (t) => {
    const { client, servers } = await started(t, [[], [], []], QUICK)
    const [home, ofTag] = servers as [Memcached, Memcached]
    const key = keyAt(client, home, 'k')
    const tag = keyAt(client, ofTag, '~tag~').slice('~tag~'.length)
    let version = 1
    const policy = { ...POLICY, lease: 60, tags: [tag] }
    /** Reads until a value is fresh; until then each is stale, or just loaded. */
    const untilFresh = async (): Promise<void> => {
      for (const endMs = performance.now() + LIMIT_MS; ; await sleep(20)) {
        const { state, value } = await client.getOrSetEntry(key, () => version, policy)
        assert.ok(value === version || state === 'stale', `${value} is ${state}`)
        if (state === 'fresh') return
        assert.ok(performance.now() < endMs, `it is still ${state}`)
      }
    }
    await untilFresh()
    await home.pause()
    // The fallback host gets a value of its own.
    await untilFresh()
    version = 2
    // On a busy machine it may reject, because the timeout is short.
    while (!(await client.invalidateTags(tag).then(yes, no))) await sleep(20)
    await untilFresh()
    process.kill(home.pid, 'SIGCONT')
    await until(() => client.hosts().every((host) => host.state === 'up'))
    await untilFresh()
  })
})
