// Compares the work tree with a commit: `npm run bench -- paired REV [CASE …]` (REV: HEAD by
// default). Each pair runs both builds in separate processes, which take turns at going first. The
// control compares the commit with itself: its difference is noise. CPU time and heap per
// operation.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'rolldown'
import '../scripts/typescript.mjs'

const PAIRS = Number(process.env.PAIRS ?? 20)
const CASES = {
  'get 1': { atOnce: 1, operations: 20_000, verb: 'get' },
  'get 32': { atOnce: 32, operations: 60_000, verb: 'get' },
  'get 512': { atOnce: 512, operations: 150_000, verb: 'get' },
  'set 1': { atOnce: 1, operations: 20_000, verb: 'set' },
  'set 32': { atOnce: 32, operations: 50_000, verb: 'set' },
  'set 512': { atOnce: 512, operations: 120_000, verb: 'set' },
  'getMany 100': { atOnce: 16, operations: 3_000, verb: 'getMany' },
  'getOrSet 32': { atOnce: 32, operations: 50_000, verb: 'getOrSet' },
}
/**
 * Node optimizes code for some seconds, on threads whose time counts as the process's: with fewer
 * rounds, the code that is optimized last seems slow.
 */
const WARM_ROUNDS = 10
/** Few enough to fit the young heap: no garbage is collected while they are counted. */
const COUNTED_OPERATIONS = { get: 10_000, set: 10_000, getOrSet: 2_000, getMany: 500 }
const root = fileURLToPath(new URL('../', import.meta.url))
const cache = fileURLToPath(new URL('./node_modules/.cache/paired/', import.meta.url))
const keys = Array.from({ length: 1000 }, (_, index) => `user:profile:${index}`)
const value = 'x'.repeat(100)

if (process.argv[2] === '--one') await runOne(...process.argv.slice(3))
else await runPairs(process.argv[2] ?? 'HEAD', process.argv.slice(3))

async function runPairs(rev, named) {
  const unknown = named.filter((name) => !(name in CASES))
  if (unknown.length > 0) throw new Error(`No case ${unknown}: ${Object.keys(CASES).join(', ')}`)
  const builds = await buildAll(rev)
  const { port, stop } = await startMemcached()
  try {
    console.log(`case            work tree / ${rev}: CPU, heap      control: CPU, heap`)
    for (const name of named.length > 0 ? named : Object.keys(CASES)) {
      const tried = []
      const control = []
      for (let pair = 0; pair < PAIRS; pair++) {
        tried.push(ratioOf(port, name, builds.tree, builds.base, pair))
        control.push(ratioOf(port, name, builds.twin, builds.base, pair))
      }
      console.log(`${name.padEnd(14)} ${spread(tried)}   ${spread(control)}`)
    }
  } finally {
    stop()
  }
}

/**
 * The control: the same commit, bundled a second time. One file for each build: the rooms of
 * scripts/bundle.mjs are those of the work tree, and an older commit may not fit them.
 */
async function buildAll(rev) {
  rmSync(cache, { recursive: true, force: true })
  const sources = `${cache}sources/`
  mkdirSync(sources, { recursive: true })
  const archive = execFileSync('git', ['archive', rev, 'src'], { cwd: root, maxBuffer: 1e9 })
  execFileSync('tar', ['x', '-C', sources], { input: archive })
  const built = {}
  for (const [name, from] of [
    ['tree', `${root}src`],
    ['base', `${sources}src`],
    ['twin', `${sources}src`],
  ]) {
    const file = `${cache}${name}.mjs`
    await build({
      input: `${from}/index.ts`,
      external: [/^node:/, 'generic-pool', 'xxhash-wasm'],
      platform: 'node',
      output: { file, format: 'esm', codeSplitting: false },
      logLevel: 'silent',
    })
    built[name] = pathToFileURL(file).href
  }
  return built
}

async function startMemcached() {
  const { findMemcached, freePort } = await import('../test/support/memcached.ts')
  const port = String(await freePort())
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const words = ['-l', '127.0.0.1', '-p', port, '-U', '0', '-t', '1', ...user]
  const memcached = spawn(findMemcached() ?? 'memcached', words, { stdio: 'ignore' })
  await sleep(300)
  return { port, stop: () => memcached.kill() }
}

function ratioOf(port, name, tried, base, pair) {
  const order = pair % 2 === 0 ? [tried, base] : [base, tried]
  const results = new Map(order.map((url) => [url, ask(port, name, url)]))
  const one = results.get(tried)
  const other = results.get(base)
  return { cpu: one.cpuMicros / other.cpuMicros, heap: one.heapBytes / other.heapBytes }
}

function ask(port, name, url) {
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']
  const words = [...flags, fileURLToPath(import.meta.url), '--one', port, name, url]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

/** The median ratio, and the quartiles. */
function spread(ratios) {
  const of = (figure) => {
    const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(ratios.map(figure), q))
    return `${middle} (${low} … ${high})`
  }
  return `${of(({ cpu }) => cpu)}  ${of(({ heap }) => heap)}`
}

function quantile(values, q) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * q)].toFixed(3)
}

async function runOne(port, name, url) {
  const { MemcachedClient } = await import(url)
  const client = new MemcachedClient(`127.0.0.1:${port}`)
  const { atOnce, operations, verb } = CASES[name]
  const operate = operationOf(client, verb)
  await client.setMany(new Map(keys.map((key) => [key, value])))
  for (const key of keys) await client.getOrSet(`own:${key}`, () => value, { ttl: 3600 })
  for (let round = 0; round < WARM_ROUNDS; round++) await repeat(operate, atOnce, operations)
  const before = process.cpuUsage()
  await repeat(operate, atOnce, 2 * operations)
  const { user, system } = process.cpuUsage(before)
  globalThis.gc()
  const heapBefore = process.memoryUsage().heapUsed
  const counted = COUNTED_OPERATIONS[verb]
  await repeat(operate, atOnce, counted)
  const heapBytes = (process.memoryUsage().heapUsed - heapBefore) / counted
  await client.close()
  console.log(JSON.stringify({ cpuMicros: (user + system) / (2 * operations), heapBytes }))
}

function operationOf(client, verb) {
  const hundreds = Array.from({ length: 10 }, (_, i) => keys.slice(i * 100, i * 100 + 100))
  return {
    get: (i) => client.get(keys[i % 1000]),
    set: (i) => client.set(keys[i % 1000], value),
    getMany: (i) => client.getMany(hundreds[i % 10]),
    getOrSet: (i) => client.getOrSet(`own:${keys[i % 1000]}`, () => value, { ttl: 3600 }),
  }[verb]
}

/** `atOnce` callers, each waiting for its own result. */
async function repeat(operate, atOnce, operations) {
  let next = 0
  const caller = async () => {
    while (next < operations) {
      const result = await operate(next++)
      if (result === undefined || result === false) throw new Error('a miss')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, caller))
}
