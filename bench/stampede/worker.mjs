// One process of the fleet: fills its cache, then reads one key many times at once.
import process from 'node:process'
import { MemcachedClient } from '../../src/index.ts'

const [mode, port] = process.argv.slice(2)
const TTL_SECONDS = 1
const key = `page:${mode}`
let lastId = 0
const asked = new Map()

function origin() {
  const id = ++lastId
  process.send({ load: id })
  return new Promise((resolve) => asked.set(id, resolve))
}

const cache = new MemcachedClient(`127.0.0.1:${port}`, { requestTimeoutMs: 5_000 })
const flights = new Map()

async function unprotected() {
  const found = await cache.get(key)
  if (found !== undefined) return found
  const value = await origin()
  await cache.set(key, value, { ttl: TTL_SECONDS })
  return value
}

/** Reads by mode. Other packages keep the value in this process too, as they do by default. */
const modes = {
  none: () => unprotected,
  'in-process': () => () => {
    const running = flights.get(key)
    if (running !== undefined) return running
    const flight = unprotected().finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  },
  bentocache: async () => {
    const { BentoCache, bentostore } = await import('bentocache')
    const { memoryDriver } = await import('bentocache/drivers/memory')
    const stores = { page: bentostore().useL1Layer(memoryDriver({ maxSize: '10mb' })) }
    const bento = new BentoCache({ default: 'page', stores })
    const options = { key, ttl: '1s', grace: '60s', timeout: 0, factory: origin }
    return () => bento.getOrSet(options)
  },
  'async-cache-dedupe': async () => {
    const { createCache } = await import('async-cache-dedupe')
    const dedupe = createCache({ ttl: TTL_SECONDS, stale: 60, storage: { type: 'memory' } })
    dedupe.define('page', origin)
    return () => dedupe.page(key)
  },
  cacheable: async () => {
    const { Cacheable } = await import('cacheable')
    const cacheable = new Cacheable({ ttl: '1s' })
    return () => cacheable.getOrSet(key, origin, { ttl: '1s' })
  },
  'lock-and-wait': () => () =>
    cache.getOrSet(key, origin, { ttl: TTL_SECONDS, staleWhileRevalidate: 0, lease: 4 }),
  'stale-while-refill': () => () =>
    cache.getOrSet(key, origin, { ttl: TTL_SECONDS, staleWhileRevalidate: 60, lease: 4 }),
}

const read = await modes[mode]()

process.on('message', async (message) => {
  if (message.loaded !== undefined) {
    asked.get(message.loaded)(message.value)
    asked.delete(message.loaded)
  } else if (message.prime) {
    await read()
    process.send({ primed: true })
  } else if (message.reads !== undefined) {
    const tookMs = []
    const one = async () => {
      const startMs = performance.now()
      await read()
      tookMs.push(performance.now() - startMs)
    }
    await Promise.all(Array.from({ length: message.reads }, one))
    process.send({ tookMs })
  } else {
    await cache.close()
    process.exit(0)
  }
})
process.on('disconnect', () => process.exit(1))
process.send({ ready: true })
