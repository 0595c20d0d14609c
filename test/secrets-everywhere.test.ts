import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { BehaviorsInput } from '../src/behaviors/behaviors.ts'
import { MemcachedClient } from '../src/client/client.ts'
import { EVENT_NAMES } from '../src/client/events.ts'
import { startServer } from '../src/embedded/index.ts'
import { run } from './cli/support.ts'
import { ADDRESSES, assertKeepsSecret, SECRET } from './support/planted-secret.ts'

const CHANNELS = ['eject', 'probe', 'return', 'slow', 'refill', 'handover', 'configure']
const TRACES = ['command', 'batch', 'connect']

/** Everything that events, channels and process warnings publish while a task runs. */
async function told(cache: MemcachedClient, task: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const note = (message: unknown): void => void seen.push(message)
  for (const name of EVENT_NAMES) cache.on(name as 'eject', note)
  const traces = TRACES.map((name) => tracingChannel(`mintring:${name}`))
  const listeners = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note }
  for (const name of CHANNELS) subscribe(`mintring:${name}`, note)
  for (const trace of traces) trace.subscribe(listeners)
  process.on('warning', note)
  try {
    seen.push(await task())
  } finally {
    process.off('warning', note)
    for (const name of CHANNELS) unsubscribe(`mintring:${name}`, note)
    for (const trace of traces) trace.unsubscribe(listeners)
  }
  return seen
}

/** Every way in which a client can be printed. */
function pictures(cache: MemcachedClient): unknown[] {
  return [
    cache.hosts(),
    cache.handover,
    cache.locate('k'),
    JSON.stringify([cache, cache.behaviors]),
    inspect([cache, cache.behaviors], { depth: Infinity }),
  ]
}

/** The outcomes of one call of each kind. */
function calls(cache: MemcachedClient): Promise<unknown> {
  const late = { timeoutMs: 100 }
  return Promise.allSettled([
    cache.get('k', late),
    cache.set('k', 1, late),
    cache.incr('k', 1, late),
    cache.getManyDetailed(['k', 'l'], late),
    cache.setMany({ k: 1, l: 2 }, late),
    cache.getOrSetEntry('m', () => 1, { ttl: 60, ...late }),
    cache.refresh('m', () => Promise.reject(new Error('no')), { ttl: 60, ...late }),
    cache.invalidate('m', late),
    cache.invalidateTags('t', late),
    cache.stats('settings', late),
    cache.raw('k', 'get', 'k'),
    cache.warm(['a', 'b'], () => 1, { signal: AbortSignal.timeout(100) }),
    cache.warmFromPrevious({ signal: AbortSignal.timeout(100) }),
    cache.metadump().next(),
    cache.shutdown('nobody:1'),
  ])
}

describe('a password that a client uses is shown nowhere', () => {
  const user = 'u'
  it('while its server refuses it, its servers change, and previous servers hold values', async () => {
    await using guarded = await startServer({ users: { u: 'another' } })
    await using open = await startServer({ users: { u: SECRET } })
    const own = { username: user, password: SECRET }
    const servers = [
      `memcached://u:${SECRET}@${guarded.address}`,
      { host: '127.0.0.1', port: open.port, ...own },
      `memcacheds://u:${SECRET}@localhost:${open.port}`,
    ]
    const behaviors: BehaviorsInput = {
      ...own,
      previous: { servers: servers.slice(1), ...own },
      ...{ requestTimeoutMs: 100, connectTimeoutMs: 100, retryTimeoutMs: 100, retries: 0 },
      ...{ announce: 1, handover: 5, traceKeys: true, serverFailureLimit: 1 },
      failover: { gutter: [`memcached://u:${SECRET}@localhost:${guarded.port}`], ttl: 5 },
    }
    const cache = new MemcachedClient(servers, behaviors)
    const seen = await told(cache, async () => {
      const outcomes: unknown[] = [pictures(cache), await calls(cache)]
      cache.setServers(servers.slice(0, 2), { announce: 1, handover: 2 })
      outcomes.push(pictures(cache), await calls(cache), cache.refillCounters)
      cache.configure({ previous: { servers: servers.slice(0, 1), ...own } })
      cache.configure({ ...own, password: `${SECRET}2` })
      outcomes.push(pictures(cache), await calls(cache))
      await cache.close({ drainMs: 0 })
      outcomes.push(await calls(cache), pictures(cache))
      return outcomes
    })
    assertKeepsSecret(seen, 'what was told')
  })
})

describe('a password in a malformed address is never printed by the command', () => {
  const VERBS: readonly (readonly string[])[] = [
    ['get', 'k'],
    ['set', 'k', 'v'],
    ['locate', 'k', '--json'],
    ['remap', '--remove', '1', '--keys', '10'],
    ['ping', '--json'],
    ['stats', '--json'],
    ['warm', '--keys', '/nowhere'],
    ['invalidate', 'k'],
  ]
  for (const verb of VERBS) {
    it(`mintring ${verb.join(' ')}`, async () => {
      for (const address of ADDRESSES.filter((_, at) => at % 9 === 0)) {
        const env = { MINTRING_CONNECT_TIMEOUT_MS: '1', MINTRING_REQUEST_TIMEOUT_MS: '1' }
        const lines = [
          [...verb, '--servers', address],
          [...verb, '--set', `previous=${address}`],
          [...verb, `--${address}`],
          [...verb, '--libmemcached', `--SERVER=${address}`],
        ]
        for (const line of lines) assertKeepsSecret(await run(line, { env }), line.join(' '))
        const inEnv = { ...env, MEMCACHED_SERVERS: address }
        assertKeepsSecret(await run(verb, { env: inEnv }), 'the environment')
      }
    })
  }
})
