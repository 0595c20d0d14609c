// When a second connection pays off: `npm run bench -- lanes`. The same client with one lane per
// host, with up to two and four where its rule opens them, and with every turn's batch split over
// two and four, interleaved: for small values alone, and with 1 large value in 16 operations.
//   ROUNDS=7 MS=400   how long
import process from 'node:process'
import { build } from './clients/build.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { line, machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 7)
const ms = Number(process.env.MS ?? 400)
const CONTESTANTS = [
  ...[1, 2, 4].map((max) => ({ name: `up to ${max}`, driver: 'mintring', max })),
  ...[2, 4].map((split) => ({ name: `split over ${split}`, driver: 'mintring-split', split })),
]
const CASES = [
  { name: 'get 100 B, 32 in flight', verb: 'get', inFlight: 32 },
  { name: 'get 100 B, 512 in flight', verb: 'get', inFlight: 512 },
  { name: 'get 100 B beside get 100 KB, 32 in flight', verb: 'getBesideLarge', inFlight: 32 },
  { name: 'get 100 B beside set 100 KB, 32 in flight', verb: 'setBesideLarge', inFlight: 32 },
]

const described = machine()
const dist = await build()
const results = []
try {
  const servers = await startServers(1)
  const workers = await Promise.all(CONTESTANTS.map((contestant) => prepared(servers, contestant)))
  for (const { name, verb, inFlight } of CASES) {
    const order = { do: 'run', verb, inFlight, warmUpMs: 150, ms }
    const contestants = workers.map((worker, i) => ({
      name: CONTESTANTS[i].name,
      run: () => worker.order(order),
    }))
    const figures = await interleave(contestants, rounds)
    console.log(name)
    for (const [lanes, summary] of figures) console.log(line(lanes, summary))
    results.push({ name, verb, inFlight, lanes: Object.fromEntries(figures) })
  }
} finally {
  await endAll()
}
writeResults('lanes', { machine: described, rounds, ms, results })

async function prepared(servers, { name, driver, max = 1, split }) {
  const worker = new Worker(driver)
  const behaviors = { connections: { min: 1, max, idleMs: 0 } }
  const order = { do: 'prepare', driver, prefix: name.replaceAll(' ', ''), count: 2000, bytes: 100 }
  await worker.order({ ...order, settings: { servers, dist, behaviors, split } })
  return worker
}
