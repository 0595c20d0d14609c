// Memory: `npm run bench -- memory`. What each client allocates per operation, counted in a process
// whose young generation is so large that no garbage is collected meanwhile; and the peak of live
// memory while large values are in flight, compared with their own bytes.
import { build } from './clients/build.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'

const OPERATIONS = 20_000
const IN_FLIGHT = 32
const ALL_YOUNG = ['--expose-gc', '--max-semi-space-size=512', '--min-semi-space-size=512']
const clients = [
  'mintring',
  'limit-get',
  'limit-mg',
  'memjs',
  'memcached',
  'memcache',
  'memcache-client',
  'memcache-plus',
  '@keyv/memcache',
]

const described = machine()
const dist = await build()
const allocated = []
const held = []
try {
  const servers = await startServers(1)
  for (const client of clients) await allocation(client, servers)
  for (const bytes of [10_240, 102_400]) {
    for (const client of clients) await highWater(client, servers, bytes)
  }
} finally {
  await endAll()
}
writeResults('memory', { machine: described, allocated, held })

async function prepared(driver, servers, bytes, nodeFlags) {
  const worker = new Worker(driver, { nodeFlags })
  const prefix = `memory:${driver.replace(/\W/g, '')}`
  const settings = { servers, dist, flush: 'adaptive' }
  await worker.order({ do: 'prepare', driver, settings, prefix, count: 100, bytes })
  return worker
}

async function allocation(client, servers) {
  const worker = await prepared(client, servers, 100, ALL_YOUNG)
  for (const verb of ['get', 'set']) {
    const order = { do: 'allocation', verb, inFlight: IN_FLIGHT, operations: OPERATIONS }
    const { heapBytes, bufferBytes } = await worker.order(order)
    const bytes = Math.round(heapBytes + bufferBytes)
    allocated.push({ client, verb, bytes })
    console.log(`${client.padEnd(18)} ${verb} 100 B: ${bytes} bytes per operation`)
  }
  await worker.end()
}

async function highWater(client, servers, bytes) {
  const worker = await prepared(client, servers, bytes, ['--expose-gc'])
  const order = { do: 'held', verb: 'get', inFlight: IN_FLIGHT, ms: 1000 }
  const { mostBytes } = await worker.order(order)
  const ratio = Number((mostBytes / (IN_FLIGHT * bytes)).toFixed(2))
  held.push({ client, bytes, inFlight: IN_FLIGHT, mostBytes, ratio })
  console.log(`${client.padEnd(18)} get ${bytes} B: ${ratio} times the bytes in flight`)
  await worker.end()
}
