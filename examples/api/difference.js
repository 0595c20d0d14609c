// Shows the difference: six requests at once for a report that is in no cache yet.
import process from 'node:process'
import { MemcachedClient } from 'mintring'
import { startServer } from 'mintring/embedded'
import { ways } from './caching.js'
import { openOrigin } from './origin.js'

const REQUESTS = 6
const categories = { none: 'books', naive: 'music', mintring: 'films' }
const origin = await openOrigin()
const server = await startServer({ port: 0 })
const cache = new MemcachedClient(server.address)
await cache.version()

console.log(`${REQUESTS} requests at once for one report:`)
for (const [way, category] of Object.entries(categories)) {
  const fetchReport = ways[way](cache, origin)
  const callsBefore = origin.calls.length
  const startMs = performance.now()
  await Promise.all(Array.from({ length: REQUESTS }, () => fetchReport(category)))
  const tookMs = Math.round(performance.now() - startMs)
  console.log(`  ${way.padEnd(9)} ${origin.calls.length - callsBefore} origin calls, ${tookMs} ms`)
}
await cache.close()
await server.close()
process.exit()
