// One client in a separate process. Takes orders as JSON lines on stdin, and replies to each with
// one line on stdout: `{ "do": "prepare", … }` writes the keys, `{ "do": "run", … }` measures.

import { Session } from 'node:inspector/promises'
import { PerformanceObserver } from 'node:perf_hooks'
import process from 'node:process'
import { drivers } from './drivers.mjs'
import { takeOrders } from './orders.mjs'

const MAX_SAMPLES = 20_000
/** The number of keys of one getMany. */
const BATCH = 100
let client
let keys = []
let value = ''
let gcMs = 0

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gcMs += entry.duration
}).observe({ entryTypes: ['gc'] })

const orders = {
  async prepare({ driver, settings, prefix, count, bytes, seeded }) {
    client = await drivers[driver](settings)
    keys = Array.from({ length: count }, (_, i) => `${prefix}:${String(i).padStart(6, '0')}`)
    value = 'abcdefghij'.repeat(Math.ceil(bytes / 10)).slice(0, bytes)
    const write = seeded ? client.seed : client.set
    for (let at = 0; at < count; at += 16) {
      await Promise.all(keys.slice(at, at + 16).map((key) => write(key, value)))
    }
    const read = await client.get(keys[0])
    if (String(read) !== value) throw new Error(`${driver} read something else: ${String(read)}`)
    return {}
  },

  async run({ verb, inFlight, warmUpMs, ms }) {
    const operation = operationOf(verb)
    await load(verb, operation, inFlight, warmUpMs)
    return measured(() => load(verb, operation, inFlight, ms))
  },

  /** Samples of the running function, as a profile that DevTools can open, and the figures. */
  async profile({ verb, inFlight, warmUpMs, ms }) {
    const operation = operationOf(verb)
    await load(verb, operation, inFlight, warmUpMs)
    const session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: 250 })
    await session.post('Profiler.start')
    const figures = await measured(() => load(verb, operation, inFlight, ms))
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return { figures, profile }
  },

  /**
   * Heap and buffers per operation, with a young generation so large that no garbage is collected.
   */
  async allocation({ verb, inFlight, operations }) {
    const operation = operationOf(verb)
    await loadCount(operation, inFlight, operations)
    globalThis.gc()
    const before = process.memoryUsage()
    await loadCount(operation, inFlight, operations)
    const after = process.memoryUsage()
    const heap = (after.heapUsed - before.heapUsed) / operations
    return { heapBytes: heap, bufferBytes: (after.arrayBuffers - before.arrayBuffers) / operations }
  },

  /** The peak of live memory under load, above that of the idle client. Needs --expose-gc. */
  async held({ verb, inFlight, ms }) {
    const operation = operationOf(verb)
    // Twice: the first collection may leave objects that only finalizers free.
    aliveBytes()
    const idleBytes = aliveBytes()
    await load(verb, operation, inFlight, ms / 4)
    let mostBytes = 0
    const timer = setInterval(() => {
      mostBytes = Math.max(mostBytes, aliveBytes() - idleBytes)
    }, 7)
    await load(verb, operation, inFlight, ms)
    clearInterval(timer)
    return { mostBytes }
  },

  async close() {
    await client?.close()
    client = undefined
    return {}
  },
}

function aliveBytes() {
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function operationOf(verb) {
  if (verb === 'set') return (i) => client.set(keys[i % keys.length], value)
  if (verb === 'getOrSet') return (i) => client.getOrSet(keys[i % keys.length])
  if (verb === 'get') return (i) => client.get(keys[i % keys.length])
  if (verb.endsWith('BesideLarge')) return besideLarge(verb)
  const batches = []
  for (let at = 0; at + BATCH <= keys.length; at += BATCH) batches.push(keys.slice(at, at + BATCH))
  if (client.getMany === undefined) {
    return (i) => Promise.all(batches[i % batches.length].map((key) => client.get(key)))
  }
  return (i) => client.getMany(batches[i % batches.length])
}

/**
 * Small gets, whose times are sampled, and one large value per 16 operations, whose time is not.
 */
function besideLarge(verb) {
  const large = 'abcdefghij'.repeat(10_240)
  const isReady = client.set('large', large)
  const act = verb.startsWith('get') ? () => client.get('large') : () => client.set('large', large)
  return async (i) => {
    await isReady
    return i % 16 === 8 ? act() : client.get(keys[i % keys.length])
  }
}

/** `inFlight` loops, each one operation after the other; samples their times and checks values. */
async function load(verb, operation, inFlight, ms) {
  const endMs = performance.now() + ms
  const samples = []
  const every = inFlight === 1 ? 1 : 16
  let next = 0
  let done = 0
  let failed = 0
  let wrong = 0
  let isOver = false
  const timer = setInterval(() => {
    isOver = performance.now() >= endMs
  }, 5)
  const loop = async () => {
    while (!isOver) {
      const at = next++
      try {
        if (at % every === 0 && samples.length < MAX_SAMPLES) {
          const startMs = performance.now()
          const answer = await operation(at)
          samples.push(performance.now() - startMs)
          if (!isRight(answer, verb)) wrong++
        } else {
          await operation(at)
        }
        done++
      } catch {
        failed++
        // A client that rejects at once must not keep the timer from ending this.
        await new Promise(setImmediate)
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  clearInterval(timer)
  return { done, failed, wrong, samples }
}

/** Whether every key was a hit: misses are faster than hits. */
function isRight(answer, verb) {
  if (verb === 'get' || verb === 'getOrSet') return answer?.length === value.length
  if (verb !== 'getMany') return true
  const values = answer instanceof Map ? [...answer.values()] : Object.values(answer)
  const isThere = (one) => (one?.value ?? one)?.length === value.length
  return values.length === BATCH && values.every(isThere)
}

async function loadCount(operation, inFlight, operations) {
  let next = 0
  const loop = async () => {
    while (next < operations) await operation(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
}

async function measured(run) {
  gcMs = 0
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  const { done, failed, wrong, samples } = await run()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - startMs) / 1000
  samples.sort((a, b) => a - b)
  return {
    perSecond: done / seconds,
    failed,
    wrong,
    cpuUs: (user + system) / done,
    p50Us: 1000 * samples[Math.floor(samples.length * 0.5)],
    p99Us: 1000 * samples[Math.floor(samples.length * 0.99)],
    p999Us: 1000 * samples[Math.floor(samples.length * 0.999)],
    gcShare: gcMs / 1000 / seconds,
    rssBytes: process.memoryUsage().rss,
  }
}

await takeOrders(orders)
