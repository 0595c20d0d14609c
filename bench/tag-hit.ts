/**
 * The cost of three known tags for a hit of getOrSet, compared with a hit without tags, in CPU
 * time, on one and on three memcacheds. Both alternate in one process; the control compares the hit
 * with itself: its difference is noise.
 */
import process from 'node:process'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { pairedCpu, spread } from './paired-cpu.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 30)
const OPERATIONS = Number(process.env.OPERATIONS ?? 20_000)
const KEYS = Array.from({ length: 1_000 }, (_, i) => `user:profile:${i}`)
/** As long as the others, and made before: a new string per call would count as a cost of tags. */
const TAGGED_KEYS = Array.from({ length: 1_000 }, (_, i) => `user:details:${i}`)
const VALUE = 'x'.repeat(100)
const PLAIN = { ttl: 3_600 }
const TAGGED = { ttl: 3_600, tags: ['product:17', 'prices', 'de'] }
const load = (): string => VALUE
const AT_ONCE = (process.env.AT_ONCE ?? '1,32,512').split(',').map(Number)

for (const servers of [1, 3]) {
  const memcacheds = await Promise.all(
    Array.from({ length: servers }, () => startMemcached({ args: ['-t', '1'] })),
  )
  const client = new MemcachedClient(memcacheds.map(({ port }) => `127.0.0.1:${port}`))
  const plain = (i: number) => client.getOrSet(KEYS[i % KEYS.length]!, load, PLAIN)
  const tagged = (i: number) => client.getOrSet(TAGGED_KEYS[i % KEYS.length]!, load, TAGGED)
  try {
    await Promise.all(KEYS.flatMap((_, i) => [plain(i), tagged(i)]))
    for (const atOnce of AT_ONCE) {
      const settings = { rounds: ROUNDS, operations: OPERATIONS, atOnce }
      for (const [name, tried] of [
        ['3 tags / none', tagged],
        ['control', plain],
      ] as const) {
        const ratios = await pairedCpu(tried, plain, settings)
        const where = `servers: ${servers}, at once: ${String(atOnce).padStart(3)}`
        console.log(`${name.padEnd(14)} ${where}  ${spread(ratios)}`)
      }
    }
  } finally {
    await client.close()
    await Promise.all(memcacheds.map((memcached) => memcached.stop()))
  }
}
