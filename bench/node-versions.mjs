// The hot path on newer versions of Node: `npm run bench -- node-versions`. Each version that
// `npm run runtimes` has installed runs mintring and the bare socket, interleaved with the others.
//   ROUNDS=7 MS=400 WARM_UP_MS=150
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from './clients/build.mjs'
import { cases } from './clients/cases.mjs'
import { endAll, startServers, Worker } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 7)
const ms = Number(process.env.MS ?? 400)
const warmUpMs = Number(process.env.WARM_UP_MS ?? 150)
const CLIENTS = { mintring: 'mintring', limit: 'limit-get' }
const runtimes = fileURLToPath(new URL('../node_modules/.cache/runtimes/', import.meta.url))
const CASES = cases.filter(({ bytes, hosts }) => bytes === 100 && hosts === 1)

const described = machine()
const dist = await build()
const results = []
try {
  const workers = []
  for (const node of [process.execPath, ...installed()]) {
    for (const [client, driver] of Object.entries(CLIENTS)) {
      workers.push({ version: versionOf(node), client, worker: await prepared(node, driver) })
    }
  }
  for (const one of CASES) await runCase(one, workers)
} finally {
  await endAll()
}
writeResults('node-versions', { machine: described, rounds, ms, warmUpMs, results })

function installed() {
  const names = existsSync(runtimes) ? readdirSync(runtimes).sort() : []
  return names
    .map((name) => `${runtimes}${name}/node_modules/node-${process.platform}-${process.arch}`)
    .map((folder) => `${folder}/bin/node`)
    .filter((file) => existsSync(file) && versionOf(file) !== process.version)
}

function versionOf(node) {
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
}

async function prepared(node, driver) {
  const settings = { servers: await startServers(1), dist, flush: 'adaptive' }
  const worker = new Worker(driver, { node })
  await worker.order({ do: 'prepare', driver, settings, prefix: 'bench', count: 2000, bytes: 100 })
  return worker
}

async function runCase({ name, verb, inFlight }, workers) {
  const order = { do: 'run', verb, inFlight, warmUpMs, ms }
  const contestants = workers.map(({ version, client, worker }) => ({
    name: `${version} ${client}`,
    run: () => worker.order(order),
  }))
  const figures = await interleave(contestants, rounds)
  const versions = {}
  for (const { version, client } of workers) {
    versions[version] = { ...versions[version], [client]: figures.get(`${version} ${client}`) }
  }
  console.log(name)
  for (const [version, { mintring, limit }] of Object.entries(versions)) {
    const ratio = (mintring.cpuUs.median / limit.cpuUs.median).toFixed(2)
    console.log(
      `  ${version.padEnd(10)} CPU ${mintring.cpuUs.median} µs, ${ratio} of the bare socket`,
    )
  }
  results.push({ name, versions })
}
