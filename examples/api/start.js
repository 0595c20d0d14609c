// An API with an expensive origin: `npm start -- express|fastify none|naive|mintring`.
//
// By default it runs on three memcacheds inside this process. MEMCACHED_SERVERS names real ones,
// PORT a port other than 3000.
import process from 'node:process'
import { MemcachedClient } from 'mintring'
import { startServer } from 'mintring/embedded'
import { ways } from './caching.js'
import { openOrigin } from './origin.js'

const [framework = 'express', way = 'mintring'] = process.argv.slice(2)
const port = Number(process.env.PORT ?? 3000)

const { listen } = await import(`./${framework}.js`)
const origin = await openOrigin()
const cache = process.env.MEMCACHED_SERVERS
  ? MemcachedClient.fromEnv()
  : new MemcachedClient(await embeddedServers(3))
const fetchReport = ways[way](cache, origin)

await listen(port, fetchReport, () => ({ way, origin: origin.calls, hosts: cache.hosts() }))
console.log(`${framework} with ${way}: http://127.0.0.1:${port}/reports/books`)

async function embeddedServers(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => startServer({ port: 0 })))
  return servers.map((server) => server.address)
}
