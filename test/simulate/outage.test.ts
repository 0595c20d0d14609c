import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { RefillPolicy } from '../../src/refill/policy.ts'
import { Refill } from '../../src/refill/refill.ts'
import type { Dialect, RefillStore } from '../../src/refill/store.ts'
import { ModelServer } from '../../src/simulate/model-server.ts'
import { ModelStore } from '../../src/simulate/model-store.ts'
import { VirtualTime } from '../../src/simulate/virtual-time.ts'

const KEYS = 400
const READS_PER_SECOND = 50
const LOADER_MS = 100
const LATENCY_MS = 2
const BEFORE_MS = 60_000
const OUTAGE_MS = 600_000

const POLICIES: Readonly<Record<string, RefillPolicy>> = {
  'the default windows': { ttl: 3_600 },
  'no stale window': { ttl: 3_600, staleWhileRevalidate: 0 },
  'stale windows as long as the ttl': {
    ...{ ttl: 3_600, staleWhileRevalidate: 3_600, staleIfError: 7_200 },
  },
  'early refreshes and jitter': { ttl: 3_600, earlyRefresh: 'auto', jitter: 0.5 },
}

/** A store of one server or another, as the routes of a process say. */
function routed(current: () => ModelStore): RefillStore {
  return new Proxy({} as RefillStore, {
    get(_, name) {
      const store = current()
      const member = store[name as keyof ModelStore] as unknown
      return typeof member === 'function' ? member.bind(store) : member
    },
  })
}

/** Four processes read keys of one host by Zipf's law while it is out for ten minutes. */
async function outage(policy: RefillPolicy, dialect: Dialect) {
  const time = new VirtualTime(1)
  const servers = [0, 1].map(() => new ModelServer(() => time.nowMs, dialect))
  const network = { dialect, latencyMs: LATENCY_MS, interleaves: false }
  const isOut = (): boolean => time.nowMs >= BEFORE_MS
  const fleet = Array.from({ length: 4 }, () => {
    const [home, fallback] = servers.map((server) => new ModelStore(server, time, network))
    const store = routed(() => (isOut() ? fallback! : home!))
    return new Refill(store, { clock: time.clock() })
  })
  const counts = { reads: 0, loads: 0, failed: 0, longestMs: 0, keys: new Set<string>() }
  const load = (): Promise<string> => {
    if (isOut()) counts.loads++
    return new Promise((resolve) => time.after(LOADER_MS, () => resolve('value')))
  }
  const read = async (): Promise<void> => {
    const startMs = time.nowMs
    // The key of rank r is read in proportion to 1 / r.
    const key = `key:${Math.floor(KEYS ** time.random())}`
    const process = fleet[Math.floor(time.random() * fleet.length)]!
    const isCounted = isOut()
    await process.getOrSet(key, load, policy).catch(() => {
      counts.failed++
    })
    if (!isCounted) return
    counts.reads++
    counts.keys.add(key)
    counts.longestMs = Math.max(counts.longestMs, time.nowMs - startMs)
  }
  for (let atMs = 0; atMs < BEFORE_MS + OUTAGE_MS; atMs += 1_000 / READS_PER_SECOND) {
    time.after(atMs, () => void read())
  }
  await time.run(BEFORE_MS + OUTAGE_MS + 60_000)
  return counts
}

suite('a host is out for ten minutes of virtual time', () => {
  for (const dialect of ['meta', 'classic'] as const) {
    for (const [name, policy] of Object.entries(POLICIES)) {
      test(`each of its keys is loaded about once, and no read waits longer than a load: ${name}, ${dialect}`, async () => {
        const { reads, loads, failed, longestMs, keys } = await outage(policy, dialect)
        assert.equal(failed, 0)
        assert.ok(reads > 0.95 * READS_PER_SECOND * (OUTAGE_MS / 1_000), `${reads} reads`)
        assert.ok(keys.size > 0.9 * KEYS, `${keys.size} keys`)
        assert.ok(loads <= 1.2 * keys.size, `${loads} loads of ${keys.size} keys`)
        // Another process polls for the loaded value: at most 200 ms, and a quarter of jitter.
        assert.ok(longestMs <= 2 * LOADER_MS + 250, `${longestMs} ms`)
      })
    }
  }
})
