// One cache get per request of an HTTP service: `npm run bench -- service`. The service runs in a
// separate process, its clients in this one: 8, 64 and 256 of them, each with a connection. `none`
// asks no cache: the lower bound. The bare socket runs with each rule of when to write.
//   ROUNDS=7 MS=500   how long
import process from 'node:process'
import { build } from './clients/build.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { loadHttp } from './clients/http-load.mjs'
import { line, machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 7)
const ms = Number(process.env.MS ?? 500)
const contenders = [
  { name: 'none', driver: 'none' },
  { name: 'mintring', driver: 'mintring' },
  ...['adaptive', 'turn', 'microtask'].map((flush) => {
    return { name: `limit-get ${flush}`, driver: 'limit-get', flush }
  }),
  ...['memjs', 'memcached', 'memcache', 'memcache-client'].map((name) => ({ name, driver: name })),
]

const described = machine()
const dist = await build()
const results = []
try {
  const services = []
  for (const [i, contender] of contenders.entries()) {
    const servers = await startServers(1)
    const worker = new Worker(contender.driver, { script: 'service-worker.mjs' })
    const settings = { servers, dist, flush: contender.flush }
    const order = { do: 'prepare', driver: contender.driver, settings, prefix: `service${i}` }
    services.push({ name: contender.name, worker, ...(await worker.order(order)) })
  }
  for (const clients of [8, 64, 256]) await runAll(services, clients)
} finally {
  await endAll()
}
writeResults('service', { machine: described, rounds, ms, results })

async function runAll(services, clients) {
  const contestants = services.map(({ name, worker, port }) => ({
    name,
    run: async () => {
      await load(name, port, clients, ms / 3)
      await worker.order({ do: 'start' })
      const seen = await load(name, port, clients, ms)
      return { ...seen, ...(await worker.order({ do: 'stop' })) }
    },
  }))
  const figures = await interleave(contestants, rounds)
  console.log(`${clients} clients`)
  for (const [name, summary] of figures) console.log(line(name, summary))
  results.push({ clients, services: Object.fromEntries(figures) })
}

async function load(name, port, clients, forMs) {
  try {
    return await loadHttp(port, clients, forMs)
  } catch (cause) {
    throw new Error(`${name}, ${clients} clients: ${cause.message}`, { cause })
  }
}
