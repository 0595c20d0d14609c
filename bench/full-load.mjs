// Ten minutes at full load: `npm run bench -- full-load`. One client, three servers, nine gets for
// each set. Prints the live heap (after a collection) over time, the slowest of a thousand
// operations, and what the optimizer deoptimized: a function deoptimized again and again is a loop.
//   MINUTES=10
import { spawn } from 'node:child_process'
import { createHistogram } from 'node:perf_hooks'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from './clients/build.mjs'
import { endAll, startServers } from './clients/fleet.mjs'
import { machine, writeResults } from './clients/report.mjs'

const SAMPLES = 40
const IN_FLIGHT = 128
const KEYS = 20_000
const minutes = Number(process.env.MINUTES ?? 10)

if (process.argv[2] === 'load') await load(process.argv[3], process.argv[4].split(','))
else await review()

async function review() {
  const described = machine()
  const dist = await build()
  try {
    const servers = await startServers(3)
    const flags = ['--expose-gc', '--trace-deopt']
    const args = [...flags, fileURLToPath(import.meta.url), 'load', dist, servers.join(',')]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const { deopts, told } = await heard(child.stdout)
    const again = [...deopts].filter(([, times]) => times.length > 3)
    const repeated = again.map(([name, times]) => ({
      name,
      times: times.length,
      last: times.at(-1),
    }))
    repeated.sort((a, b) => b.times - a.times)
    const total = [...deopts.values()].reduce((sum, times) => sum + times.length, 0)
    console.log(`${total} deoptimizations; more than three times:`, repeated)
    writeResults('full-load', { machine: described, minutes, ...told, deopts: total, repeated })
  } finally {
    await endAll()
  }
}

/** The optimizer's lines among those of the load, by function, with their times. */
async function heard(stream) {
  const deopts = new Map()
  const startMs = performance.now()
  let told
  for await (const line of createInterface({ input: stream })) {
    const match = /bailout.*<JSFunction ([^ >]*)/.exec(line)
    if (match !== null) {
      const seconds = Math.round((performance.now() - startMs) / 1000)
      deopts.set(match[1], [...(deopts.get(match[1]) ?? []), seconds])
    } else if (line.startsWith('{')) {
      told = JSON.parse(line)
      console.log(line.slice(0, 200))
    }
  }
  return { deopts, told }
}

async function load(dist, servers) {
  const { MemcachedClient } = await import(dist)
  const client = new MemcachedClient(servers)
  const value = 'abcdefghij'.repeat(10)
  const keys = Array.from({ length: KEYS }, (_, i) => `soak:${i}`)
  for (const key of keys) await client.set(key, value)
  const histogram = createHistogram()
  const heap = []
  let operations = 0
  let isOver = false
  const sample = setInterval(
    () => {
      globalThis.gc()
      heap.push(process.memoryUsage().heapUsed)
    },
    (minutes * 60_000) / SAMPLES,
  )
  setTimeout(() => {
    isOver = true
  }, minutes * 60_000)
  const loop = async (first) => {
    for (let i = first; !isOver; i += IN_FLIGHT) {
      const key = keys[i % KEYS]
      const startMs = performance.now()
      if (i % 10 === 0) await client.set(key, value)
      else await client.get(key)
      histogram.record(1 + Math.round(1000 * (performance.now() - startMs)))
      operations++
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, i) => loop(i)))
  clearInterval(sample)
  await client.close()
  const percentile = (share) => histogram.percentile(share)
  const times = { p50Us: percentile(50), p99Us: percentile(99), p999Us: percentile(99.9) }
  const perSecond = Math.round(operations / (minutes * 60))
  console.log(JSON.stringify({ operations, perSecond, ...times, heap }))
}
