/**
 * The cost of a hit of getOrSet compared with a plain get of the same keys, in CPU time. Both
 * alternate in one process; the control compares the get with itself: its difference is noise.
 */
import process from 'node:process'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { type Operation, pairedCpu, spread } from './paired-cpu.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 30)
const OPERATIONS = Number(process.env.OPERATIONS ?? 20_000)
const KEYS = Array.from({ length: 1_000 }, (_, i) => `user:profile:${i}`)
const VALUE = 'x'.repeat(100)
const POLICY = { ttl: 3_600 }

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
      const settings = { rounds: ROUNDS, operations: OPERATIONS, atOnce }
      const ratios = await pairedCpu(tried, get, settings)
      console.log(`${name.padEnd(20)} ${String(atOnce).padStart(3)} at once  ${spread(ratios)}`)
    }
  }
} finally {
  await client.close()
  await memcached.stop()
}
