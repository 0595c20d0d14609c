// The CPU cost of a hit: getOrSet compared with a plain, coalesced get. Only the ratio matters.
import { spawn } from 'node:child_process'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../src/index.ts'
import { findMemcached, freePort } from '../test/support/memcached.ts'

const ROUNDS = 9
const READS = 40_000
const POLICY = { ttl: 600, staleWhileRevalidate: 60 }

const port = await freePort()
const asRoot = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
const memcached = spawn(
  findMemcached() ?? 'memcached',
  ['-l', '127.0.0.1', '-p', String(port), ...asRoot],
  { stdio: 'ignore' },
)
await sleep(300)
const cache = new MemcachedClient(`127.0.0.1:${port}`)
const value = 'x'.repeat(100)

async function nanoseconds(
  keys: readonly string[],
  read: (key: string) => Promise<unknown>,
): Promise<number> {
  const before = process.cpuUsage()
  for (let done = 0; done < READS; done += keys.length) await Promise.all(keys.map(read))
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / READS
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

try {
  const rows = []
  for (const atOnce of [1, 10, 100, 500]) {
    const keys = Array.from({ length: atOnce }, (_, i) => `key:${i}`)
    for (const key of keys) await cache.getOrSet(key, () => value, POLICY)
    const loader = (): never => {
      throw new Error('it is there')
    }
    const plain: number[] = []
    const refill: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      plain.push(await nanoseconds(keys, (key) => cache.get(key)))
      refill.push(await nanoseconds(keys, (key) => cache.getOrSet(key, loader, POLICY)))
    }
    const ratio = median(refill.map((cost, i) => cost / plain[i]!))
    rows.push({
      atOnce,
      getNs: Math.round(median(plain)),
      getOrSetNs: Math.round(median(refill)),
      ratio: Number(ratio.toFixed(2)),
    })
  }
  console.table(rows)
} finally {
  await cache.close()
  memcached.kill()
}
