/**
 * What a hit of getOrSet costs beside a plain get of the same keys, in CPU time. Both take turns in
 * one process; the control pairs the get with itself: what differs there is noise.
 */
import process from 'node:process'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 30)
const OPERATIONS = Number(process.env.OPERATIONS ?? 20_000)
const KEYS = Array.from({ length: 1_000 }, (_, i) => `user:profile:${i}`)
const VALUE = 'x'.repeat(100)
const POLICY = { ttl: 3_600 }

type Operation = (index: number) => Promise<unknown>

const memcached = await startMemcached({ args: ['-t', '1'] })
const client = new MemcachedClient(`127.0.0.1:${memcached.port}`)
const get: Operation = (i) => client.get(KEYS[i % KEYS.length]!)
const getOrSet: Operation = (i) => client.getOrSet(KEYS[i % KEYS.length]!, () => VALUE, POLICY)
const pairs: readonly (readonly [string, Operation])[] = [
  ['getOrSet / get', getOrSet],
  ['control: get / get', get],
]
try {
  for (const key of KEYS) await client.getOrSet(key, () => VALUE, POLICY)
  for (const atOnce of [1, 32, 512]) {
    for (const [name, tried] of pairs) {
      await cpuMicros(tried, atOnce)
      await cpuMicros(get, atOnce)
      const ratios: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const isFirst = round % 2 === 0
        const one = isFirst ? await cpuMicros(tried, atOnce) : 0
        const base = await cpuMicros(get, atOnce)
        ratios.push((isFirst ? one : await cpuMicros(tried, atOnce)) / base)
      }
      console.log(`${name.padEnd(20)} ${String(atOnce).padStart(3)} at once  ${spread(ratios)}`)
    }
  }
} finally {
  await client.close()
  await memcached.stop()
}

/** CPU time of one operation; what memcached takes does not count. */
async function cpuMicros(operation: Operation, atOnce: number): Promise<number> {
  globalThis.gc?.()
  const operations = atOnce === 1 ? OPERATIONS / 10 : OPERATIONS
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < operations) {
      if ((await operation(next++)) === undefined) throw new Error('a miss')
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, caller))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / operations
}

/** The median ratio, and the quartiles. */
function spread(ratios: readonly number[]): string {
  const sorted = [...ratios].sort((a, b) => a - b)
  const at = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(2)
  return `${at(0.5)} (${at(0.25)} … ${at(0.75)})`
}
