// What tracing costs while nobody listens, and when somebody does: the same gets, in pairs of runs,
// against a real memcached. Without the check the property is a constant. CPU time per operation.
import { tracingChannel } from 'node:diagnostics_channel'
import process from 'node:process'
import { commandTrace } from '../src/channels.ts'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'

const PAIRS = 60
const OPERATIONS = 20_000
const AT_ONCE = 100

const server = await startMemcached()
const cache = new MemcachedClient(`${server.host}:${server.port}`)
const keys = Array.from({ length: 1000 }, (_, index) => `user:profile:${index}`)
await cache.setMany(new Map(keys.map((key) => [key, 'x'.repeat(100)])))

const getter = Object.getOwnPropertyDescriptor(commandTrace, 'hasSubscribers')!
const constant = { value: false, configurable: true, enumerable: true }

/** Microseconds of CPU per get, with `AT_ONCE` callers that each wait for their answer. */
async function run(property: PropertyDescriptor): Promise<number> {
  Object.defineProperty(commandTrace, 'hasSubscribers', property)
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < OPERATIONS) await cache.get(keys[next++ % keys.length]!)
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: AT_ONCE }, caller))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / OPERATIONS
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** The median of the pairs' ratios: what the machine does besides falls on both of a pair. */
async function compare(name: string, property: PropertyDescriptor): Promise<void> {
  const ratios: number[] = []
  const times: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    // Whoever comes second finds warmer caches: they take turns.
    const isFirst = pair % 2 === 0
    const a = await run(isFirst ? constant : property)
    const b = await run(isFirst ? property : constant)
    ratios.push(isFirst ? b / a : a / b)
    times.push(isFirst ? b : a)
  }
  const percent = ((median(ratios) - 1) * 100).toFixed(2)
  console.log(`${name.padEnd(24)} ${median(times).toFixed(2)} µs per get, ${percent} % more`)
}

for (let round = 0; round < 10; round++) await run(getter)
await compare('nothing (the noise)', constant)
await compare('no subscriber', getter)
const listener = (): void => undefined
tracingChannel('mintring:command').asyncEnd.subscribe(listener)
await compare('one subscriber', getter)
await cache.close()
await server.stop()
