// The cost of tracing without and with a listener: the same gets in pairs of short runs, by
// mintring as it is and by copies of it in one process. In one copy tracing is removed; the other
// is unchanged, and shows the noise. Each process compiles the copies differently, so there are
// many processes. CPU time per get, from a real memcached.
import { spawn, spawnSync } from 'node:child_process'
import { tracingChannel } from 'node:diagnostics_channel'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { writeCode } from '../scripts/bundle.mjs'
import '../scripts/typescript.mjs'

const PROCESSES = Number(process.env.PROCESSES ?? 18)
const PAIRS = 11
const OPERATIONS = 20_000
const AT_ONCE = 100
const GETTER = /get hasSubscribers\(\): boolean \{.*?\n {2}\}/s

const keys = Array.from({ length: 1000 }, (_, index) => `user:profile:${index}`)
const [given, ...words] = process.argv.slice(2)
if (given === undefined) await startProcesses()
else await measure(given, words)

async function startProcesses() {
  const { findMemcached, freePort } = await import('../test/support/memcached.ts')
  const port = String(await freePort())
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const words = ['-l', '127.0.0.1', '-p', port, '-U', '0', ...user]
  const memcached = spawn(findMemcached() ?? 'memcached', words, { stdio: 'ignore' })
  await sleep(300)
  try {
    const copies = [
      await copyOf('one', (code) => code),
      await copyOf('same', (code) => code),
      await copyOf('untraced', withoutListeners),
    ]
    report(Array.from({ length: PROCESSES }, (_, index) => askProcess(port, copies, index)))
  } finally {
    memcached.kill()
  }
}

/** The copy that is loaded and compiled first is at a disadvantage, so the order rotates. */
function askProcess(port, copies, index) {
  const words = [fileURLToPath(import.meta.url), port, String(index % 3), ...copies]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

function report(processes) {
  for (const name of Object.keys(processes[0])) {
    const ratios = processes.map((one) => one[name].ratio)
    const cost = median(processes.map((one) => one[name].cost))
    const percents = [0.5, 0.25, 0.75].map((q) => ((quantile(ratios, q) - 1) * 100).toFixed(1))
    const [middle, low, high] = percents
    console.log(`${name.padEnd(24)} ${cost.toFixed(2)} µs per get, ${middle} % (${low} … ${high})`)
  }
}

/** In a separate process: the three clients, warm, in pairs. */
async function measure(port, [first, ...urls]) {
  const clients = []
  const order = [0, 1, 2].map((index) => (index + Number(first)) % 3)
  for (const index of order) clients[index] = await connect(port, urls[index])
  for (let round = 0; round < 8; round++) for (const index of order) await run(clients[index])
  const [traced, twin, plain] = clients
  const noise = await compare(twin, traced)
  const silent = await compare(plain, traced)
  tracingChannel('mintring:command').asyncEnd.subscribe(() => undefined)
  const heard = await compare(plain, traced)
  console.log(
    JSON.stringify({ 'the same (noise)': noise, 'no subscriber': silent, 'one subscriber': heard }),
  )
  for (const cache of clients) await cache.close()
}

/** A build of mintring from a copy of its sources, with another channels.ts if given. */
async function copyOf(name, change) {
  const sources = cacheOf(`tracing-sources-${name}`)
  const built = cacheOf(`tracing-${name}`)
  rmSync(sources, { recursive: true, force: true })
  cpSync(fileURLToPath(new URL('../src/', import.meta.url)), sources, { recursive: true })
  const file = `${sources}channels.ts`
  writeFileSync(file, change(readFileSync(file, 'utf8')))
  await writeCode(built, ['index'], ['generic-pool', 'xxhash-wasm'], sources)
  return pathToFileURL(`${built}index.js`).href
}

function cacheOf(name) {
  return fileURLToPath(new URL(`./node_modules/.cache/${name}/`, import.meta.url))
}

function withoutListeners(code) {
  if (!GETTER.test(code)) throw new Error('channels.ts has no getter to take out')
  return code.replace(GETTER, 'get hasSubscribers(): boolean {\n    return false\n  }')
}

async function connect(port, url) {
  const { MemcachedClient } = await import(url)
  const cache = new MemcachedClient(`127.0.0.1:${port}`)
  const stored = await cache.setMany(new Map(keys.map((key) => [key, 'x'.repeat(100)])))
  if (stored.size !== keys.length) throw new Error('not everything was stored')
  return cache
}

/** Microseconds of CPU per get, with `AT_ONCE` callers that each wait for their reply. */
async function run(cache) {
  let next = 0
  let hits = 0
  const caller = async () => {
    while (next < OPERATIONS) {
      if ((await cache.get(keys[next++ % keys.length])) !== undefined) hits++
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: AT_ONCE }, caller))
  const { user: inUser, system } = process.cpuUsage(before)
  if (hits < OPERATIONS) throw new Error(`only ${hits} hits`)
  return (inUser + system) / OPERATIONS
}

/** The median of the pairs' ratios: other work of the machine affects both runs of a pair. */
async function compare(base, tried) {
  const ratios = []
  const costs = []
  for (let pair = 0; pair < PAIRS; pair++) {
    // The second run finds warmer caches, so they take turns.
    const isFirst = pair % 2 === 0
    const one = await run(isFirst ? base : tried)
    const two = await run(isFirst ? tried : base)
    ratios.push(isFirst ? two / one : one / two)
    costs.push(isFirst ? two : one)
  }
  return { ratio: median(ratios), cost: median(costs) }
}

function median(values) {
  return quantile(values, 0.5)
}

function quantile(values, q) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * q)]
}
