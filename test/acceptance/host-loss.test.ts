import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { isMintringError } from '../../src/errors.ts'
import { type Memcached, realMemcached, startMemcached } from '../support/memcached.ts'

const OPERATIONS_PER_SECOND = 500
const TICK_MS = 10
const KEYS = 1_999
const TIMEOUT_MS = 500
const GRACE_MS = 50

/** Counts the operations of callers, and records errors, wrong values and slow calls. */
class Ledger {
  operations = 0
  readonly errors: unknown[] = []
  readonly wrongValues: string[] = []
  hits = 0
  slowestMs = 0

  /** Runs one operation and records its result. A hit must return the value of its key. */
  async watch(key: string, operation: () => Promise<unknown>): Promise<void> {
    this.operations += 1
    const startMs = performance.now()
    try {
      const answer = await operation()
      if (typeof answer === 'string') {
        this.hits += 1
        if (!answer.startsWith(`${key} `)) this.wrongValues.push(`${key} got ${answer}`)
      }
    } catch (error) {
      this.errors.push(error)
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs)
  }
}

/** A steady load that does not slow down when operations do; runs until it is stopped. */
function steadyLoad(cache: MemcachedClient, ledger: Ledger): { stop(): Promise<void> } {
  const startMs = performance.now()
  const pending = new Set<Promise<void>>()
  const begin = (): void => {
    const number = ledger.operations
    const key = `key:${(number * 7919) % KEYS}`
    const run =
      number % 5 === 0
        ? () => cache.set(key, `${key} written as ${number}`, { ttl: 300 })
        : () => cache.get(key)
    const watched = ledger.watch(key, run).finally(() => pending.delete(watched))
    pending.add(watched)
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * OPERATIONS_PER_SECOND) / 1_000
    while (ledger.operations < due) begin()
  }, TICK_MS)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(pending)
    },
  }
}

async function until(what: string, isSo: () => boolean, limitMs: number): Promise<number> {
  const startMs = performance.now()
  while (!isSo()) {
    assert.ok(performance.now() - startMs < limitMs, `not within ${limitMs} ms: ${what}`)
    await sleep(10)
  }
  return Math.round(performance.now() - startMs)
}

describe('three memcacheds under 500 operations a second, one killed and restarted', () => {
  let servers: Memcached[] = []
  before(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startMemcached()))
  })
  after(() => Promise.all(servers.map((server) => server.stop())))

  const scenarios = [
    {
      name: 'killed',
      leave: (server: Memcached) => server.kill('SIGKILL'),
      comeBack: (server: Memcached) => server.restart(),
      mayReject: () => false,
    },
    {
      name: 'frozen',
      leave: async (server: Memcached) => void process.kill(server.pid, 'SIGSTOP'),
      comeBack: async (server: Memcached) => void process.kill(server.pid, 'SIGCONT'),
      // A write may time out until the host is ejected: no reader would find it on a fallback host.
      mayReject: (error: unknown) =>
        isMintringError(error) && error.command === 'set' && error.code === 'MINTRING_TIMEOUT',
    },
  ]
  for (const { name, leave, comeBack, mayReject } of scenarios) {
    test(`a ${name} host: no caller gets an error or a wrong value, and the host returns`, async (t) => {
      if (!realMemcached(t)) return
      const cache = new MemcachedClient(
        servers.map((server) => `${server.host}:${server.port}`),
        { serverFailureLimit: 2, retryTimeoutMs: 500, requestTimeoutMs: 150 },
      )
      const victim = servers[1] as Memcached
      const stateOf = () =>
        cache.hosts().find((row) => row.address.endsWith(`:${victim.port}`))?.state
      const keys = Array.from({ length: KEYS }, (_, index) => `key:${index}`)
      await cache.setMany(new Map(keys.map((key) => [key, `${key} written first`])))
      const ledger = new Ledger()
      const load = steadyLoad(cache, ledger)
      await sleep(1_500)
      await leave(victim)
      const ejectedMs = await until('ejected', () => stateOf() === 'ejected', 2_000)
      await sleep(1_000)
      await comeBack(victim)
      const backMs = await until('up again', () => stateOf() === 'up', 5_000)
      await sleep(1_000)
      await load.stop()
      const homes = keys.map((key) => cache.locate(key).server)
      await cache.close()

      t.diagnostic(
        `${ledger.operations} operations, ${ledger.hits} hits, ${ledger.errors.length} errors, ` +
          `${ledger.wrongValues.length} wrong, slowest ${Math.round(ledger.slowestMs)} ms, ` +
          `ejected after ${ejectedMs} ms, back ${backMs} ms after its return`,
      )
      const surprising = ledger.errors.filter((error) => !mayReject(error))
      assert.deepEqual(surprising, [])
      assert.ok(ledger.errors.length < 20, `${ledger.errors.length} writes were given up`)
      assert.deepEqual(ledger.wrongValues, [])
      assert.ok(ledger.slowestMs <= TIMEOUT_MS + GRACE_MS, `slowest: ${ledger.slowestMs} ms`)
      assert.ok(ledger.operations > 1_500 && ledger.hits > 500)
      assert.equal(new Set(homes).size, 3)
    })
  }
})
