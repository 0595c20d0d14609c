// The cost of the parts of an operation: `npm run bench -- ablation`. Runs coalesced gets against a
// stand-in for the socket that replies at once, so that only the client's own work is timed. Parts
// are removed one by one, and runs alternate. CPU nanoseconds per operation, in separate processes.
//   ROUNDS=9 OPERATIONS=300000   how long
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from './clients/build.mjs'
import { machine, writeResults } from './clients/report.mjs'
import { interleave } from './clients/rounds.mjs'

const rounds = Number(process.env.ROUNDS ?? 9)
const operations = Number(process.env.OPERATIONS ?? 300_000)
const script = fileURLToPath(new URL('clients/parts.mjs', import.meta.url))
const parts = [
  ['limit', 'the bare socket: a promise, a line, a parser'],
  ['lane', 'a lane alone: batches, checked replies, values decoded'],
  ['lanes', 'the same lane, owned by generic-pool and picked per request'],
  ['cluster', 'a client of one host: health, deadline, retries, hooks'],
  ['ring 3', 'three hosts in the bare spread of the limit'],
  ['cluster 3', 'a client of three hosts: the same with the ring'],
  ['cluster 8', 'a client of eight hosts'],
  ['traced', 'a client of one host, with a subscriber to its commands'],
  ['getOrSet', 'getOrSet hits on one host'],
  ['compressed', 'a client of one host that compresses large values'],
]

const described = machine()
const dist = await build()
const contestants = parts.map(([name]) => ({ name, run: () => timed(name) }))
const figures = await interleave(contestants, rounds)
for (const [name, about] of parts.filter(([name]) => figures.has(name))) {
  const { median, low, high } = figures.get(name).cpuNs
  console.log(`${String(median).padStart(6)} ns (${low} to ${high})  ${name.padEnd(10)} ${about}`)
}
writeResults('ablation', { machine: described, rounds, results: Object.fromEntries(figures) })

function timed(name) {
  const args = [script, dist, name, String(operations)]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (stdout === '') throw new Error(`${name}: ${stderr}`)
  return JSON.parse(stdout)
}
