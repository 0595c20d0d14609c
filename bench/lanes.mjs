// When a second connection pays: `npm run bench -- lanes`. The same client with one lane per host
// and with up to two and four, interleaved: small values alone, where splitting batches only costs,
// and small values beside large ones, where they need not wait behind them.
//   ROUNDS=7 MS=400   how long
import process from 'node:process'
import { build } from './clients/build.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { line, machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 7)
const ms = Number(process.env.MS ?? 400)
const LANES = [1, 2, 4]
const CASES = [
  { name: 'get 100 B, 32 in flight', verb: 'get', inFlight: 32 },
  { name: 'get 100 B, 512 in flight', verb: 'get', inFlight: 512 },
  { name: 'get 100 B beside get 100 KB, 32 in flight', verb: 'getBesideLarge', inFlight: 32 },
  { name: 'get 100 B beside set 100 KB, 32 in flight', verb: 'setBesideLarge', inFlight: 32 },
]

const described = machine()
const dist = build()
const results = []
try {
  const servers = await startServers(1)
  const workers = await Promise.all(LANES.map((max) => prepared(servers, max)))
  for (const { name, verb, inFlight } of CASES) {
    const order = { do: 'run', verb, inFlight, warmUpMs: 150, ms }
    const contestants = workers.map((worker, i) => ({
      name: `up to ${LANES[i]}`,
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

async function prepared(servers, max) {
  const worker = new Worker('mintring')
  const settings = { servers, dist, behaviors: { connections: { min: 1, max, idleMs: 0 } } }
  const order = { do: 'prepare', driver: 'mintring', settings, prefix: `lanes${max}` }
  await worker.order({ ...order, count: 2000, bytes: 100 })
  return worker
}
