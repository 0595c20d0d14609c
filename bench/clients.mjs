// Every client against real memcacheds: `npm run bench -- clients`. Each client runs in a separate
// process, in interleaved rounds; medians with quartiles, CPU per operation beside throughput.
//   ROUNDS=7 MS=400 WARM_UP_MS=150   how long
//   SETTLE_MS=1500                   how long each client runs a case before its first round
//   CLIENTS=mintring,limit-get       only these
//   CASES='get 100 B'                only cases whose name contains this
import process from 'node:process'
import { build } from './clients/build.mjs'
import { cases } from './clients/cases.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { line, machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 7)
const ms = Number(process.env.MS ?? 400)
const warmUpMs = Number(process.env.WARM_UP_MS ?? 150)
/** V8 optimizes code for a second or two, on threads whose time counts as the process's. */
const settleMs = Number(process.env.SETTLE_MS ?? 1500)
const only = process.env.CLIENTS?.split(',')
const wanted = process.env.CASES ?? ''

const dist = await build()
const described = machine()
const results = []
try {
  for (const group of groupsOf(cases.filter(({ name }) => name.includes(wanted)))) {
    await runGroup(group)
  }
} finally {
  await endAll()
}
if (only === undefined && wanted === '') {
  writeResults('clients', { machine: described, rounds, ms, warmUpMs, results })
}

/** Cases with the same servers and keys share the workers and their stored values. */
function groupsOf(all) {
  const groups = new Map()
  for (const one of all) {
    const name = `${one.hosts} ${one.bytes}`
    groups.set(name, [...(groups.get(name) ?? []), one])
  }
  return groups.values()
}

async function runGroup(group) {
  const { hosts, bytes, count } = group[0]
  const names = [...new Set(group.flatMap(({ clients }) => clients))]
  const workers = []
  for (const driver of names.filter((name) => only?.includes(name) ?? true)) {
    // A server of its own: a client that opens ever more connections takes them from no other
    // client.
    const servers = await startServers(hosts)
    const worker = await prepared(driver, { servers, bytes, count })
    if (worker !== undefined) workers.push(worker)
  }
  for (const one of group) await runCase(one, workers)
  for (const worker of workers) await worker.end()
  await endAll()
}

async function prepared(driver, { servers, bytes, count }) {
  const worker = new Worker(driver)
  const prefix = `bench:${driver.replace(/\W/g, '')}`
  const settings = { servers, dist, flush: 'adaptive' }
  try {
    await worker.order({ do: 'prepare', driver, settings, prefix, count, bytes })
    return worker
  } catch (error) {
    console.error(`left out: ${error.message}`)
    await worker.end()
  }
}

async function runCase({ name, verb, inFlight, hosts, bytes, clients }, workers) {
  const order = { do: 'run', verb, inFlight, warmUpMs, ms }
  const contestants = workers
    .filter(({ driver }) => clients.includes(driver))
    .map((worker) => ({ name: worker.driver, run: settling(worker, order) }))
  const figures = await interleave(contestants, rounds)
  console.log(name)
  for (const [client, summary] of figures) console.log(line(client, summary))
  results.push({ name, verb, inFlight, hosts, bytes, clients: Object.fromEntries(figures) })
}

/** Runs an order with a long warm-up the first time. */
function settling(worker, order) {
  let firstMs = settleMs
  return () => {
    const longerMs = Math.max(warmUpMs, firstMs)
    firstMs = 0
    return worker.order({ ...order, warmUpMs: longerMs })
  }
}
