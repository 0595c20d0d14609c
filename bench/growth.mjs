// How the cost of an operation grows: `npm run bench -- growth`. With the number of hosts
// (stand-ins for their sockets, so that only the client's work is timed), with the size of values,
// with the operations in flight, and with behaviors switched on. CPU microseconds per operation,
// medians of ROUNDS.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from './clients/build.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'
import { summaryOf } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 5)
const script = fileURLToPath(new URL('clients/parts.mjs', import.meta.url))
const HOSTS = [1, 3, 10, 30, 100, 300, 1000]
const SIZES = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
const IN_FLIGHT = [1, 10, 100, 1000, 10_000, 100_000]
const BEHAVIORS = [
  ['plain', {}],
  ['compression', { behaviors: { compressAboveBytes: 100 } }],
  ['traceKeys', { behaviors: { traceKeys: true } }],
]

const described = machine()
const dist = await build()
const curves = { hosts: [], bytes: [], inFlight: [], behaviors: [] }
try {
  const hosts = HOSTS.map((count) => {
    return async () => ({ hosts: count, ...(await medians(() => standInCost(count))) })
  })
  for (const measure of hosts) told('hosts', await measure())
  const servers = await startServers(1)
  for (const bytes of SIZES) {
    const inFlight = bytes > 100_000 ? 8 : 32
    told('bytes', { bytes, ...(await realCost({ servers, bytes, inFlight })) })
  }
  for (const inFlight of IN_FLIGHT) {
    told('inFlight', { inFlight, ...(await realCost({ servers, bytes: 100, inFlight })) })
  }
  for (const [behavior, settings] of BEHAVIORS) {
    const cost = await realCost({ servers, bytes: 1000, inFlight: 32, ...settings })
    told('behaviors', { behavior, ...cost })
  }
  const refill = { verb: 'getOrSet', seeded: true }
  const cost = await realCost({ servers, bytes: 1000, inFlight: 32, ...refill })
  told('behaviors', { behavior: 'getOrSet', ...cost })
} finally {
  await endAll()
}
writeResults('growth', { machine: described, rounds, curves })

function told(curve, point) {
  curves[curve].push(point)
  const [name, value] = Object.entries(point)[0]
  console.log(`${name} ${value}: ${point.cpuUs} µs CPU`)
}

function standInCost(hosts) {
  const args = [script, dist, `cluster ${hosts}`, '200000']
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return { cpuUs: JSON.parse(stdout).cpuNs / 1000 }
}

async function realCost({ servers, bytes, inFlight, behaviors, verb = 'get', seeded }) {
  const worker = new Worker('mintring')
  const settings = { servers, dist, behaviors: { maxQueuedPerHost: 200_000, ...behaviors } }
  const count = Math.max(16, Math.min(1000, Math.floor(10_000_000 / bytes)))
  const prefix = `growth:${bytes}:${verb}:${Object.keys(behaviors ?? {})}`
  const driver = 'mintring'
  await worker.order({ do: 'prepare', driver, settings, prefix, count, bytes, seeded })
  const order = { do: 'run', verb, inFlight, warmUpMs: 200, ms: 400 }
  const cost = await medians(() => worker.order(order))
  await worker.end()
  return cost
}

async function medians(measure) {
  const runs = []
  for (let round = 0; round < rounds; round++) runs.push(await measure())
  const all = Object.entries(summaryOf(runs)).map(([figure, { median }]) => [figure, median])
  return Object.fromEntries(all)
}
