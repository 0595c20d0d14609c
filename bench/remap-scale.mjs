// How the time and memory of `mintring remap` grow with hosts and keys, on worker threads: `npm run
// build && npm run bench -- remap-scale`. Each run is a separate process, so that its peak of
// memory is its own. `REMAP_RESULTS=FILE` also writes the figures; `DIST` is the build to use.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const HOSTS = [10, 100, 1000, 10_000]
const KEYS = [1e5, 1e6, 1e7, 1e8]
const file = fileURLToPath(import.meta.url)
const dist = process.env.DIST ?? resolve(dirname(file), '../dist/cjs')

if (process.argv.length > 2) await runOne(process.argv[2], process.argv[3])
else runAll()

/** Two ways for a host to leave, ketama with md5, one thread per core. */
async function runOne(hosts, keys) {
  const { remapCommand } = await import(pathToFileURL(resolve(dist, 'cli/remap.js')).href)
  let out = ''
  const io = { out: (text) => (out += text), err: () => {}, isTTY: false, columns: 80, env: {} }
  const flags = ['--servers', hosts, '--keys', keys, '--remove', '1', '--trials', '2']
  const threads = ['--workers', String(availableParallelism())]
  const before = performance.now()
  await remapCommand([...flags, ...threads, '--distributions', 'ketama', '--json'], io)
  const { maxRSS, userCPUTime } = process.resourceUsage()
  const row = {
    hosts: Number(hosts),
    keys: Number(keys),
    seconds: (performance.now() - before) / 1000,
    cpuSeconds: userCPUTime / 1e6,
    peakMegabytes: maxRSS / 1024,
    moved: JSON.parse(out).results[0].moved,
  }
  process.stdout.write(JSON.stringify(row))
}

function runAll() {
  const rows = []
  console.log('   hosts        keys   seconds  CPU sec  peak MB     moved')
  for (const hosts of HOSTS) {
    for (const keys of KEYS) {
      const args = [file, String(hosts), String(keys)]
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      if (stdout === '') throw new Error(stderr)
      const row = JSON.parse(stdout)
      rows.push(row)
      const figures = [
        String(hosts).padStart(8),
        String(keys).padStart(12),
        row.seconds.toFixed(1).padStart(10),
        row.cpuSeconds.toFixed(1).padStart(9),
        row.peakMegabytes.toFixed(0).padStart(9),
        row.moved.toFixed(6).padStart(10),
      ]
      console.log(figures.join(''))
    }
  }
  const results = process.env.REMAP_RESULTS
  if (results === undefined) return
  mkdirSync(dirname(results), { recursive: true })
  const machine = { node: process.version, threads: availableParallelism() }
  writeFileSync(results, `${JSON.stringify({ machine, rows }, null, 1)}\n`)
}
