/**
 * The Slashdot test: `npm run bench -- slashdot`. A link to one page of a small service appears
 * where many people read, and all of them come at once.
 *
 * Two processes of the example service (examples/api, express, SQLite), three real memcacheds, and
 * two load generators, each with half of the users, who ask again as soon as they are answered. The
 * page expires during the run, and after two thirds of it the memcached that holds it is killed.
 * MEMCACHED_BIN names the memcached. USERS=500,5000 and WAYS=naive,mintring choose among the runs.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(dirname(here))
const results = join(root, 'bench/results/slashdot.json')
const SECONDS = Number(process.env.SECONDS ?? 18)
const TTL_SECONDS = 4
const PROCESSES = 2
const MEMCACHEDS = 3
/** Loads closer together than this belong to one expiry. */
const BURST_MS = 1500
/** How long the loss of a host may cause loads. */
const KILL_MS = 1500
const users = (process.env.USERS ?? '500,5000,10000,15000').split(',').map(Number)
const ways = (process.env.WAYS ?? 'none,naive,mintring').split(',')

const setup = spawnSync(process.execPath, ['setup.js'], {
  cwd: join(root, 'examples'),
  stdio: 'inherit',
})
if (setup.status !== 0) process.exit(1)
const { MemcachedClient } = await import('../../examples/node_modules/mintring/dist/esm/index.js')

const runs = []
for (const count of users) {
  for (const way of ways) {
    const run = await slashdot(way, count)
    runs.push(run)
    save(runs)
    console.log(JSON.stringify(run))
    await sleep(1000)
  }
}
async function slashdot(way, count) {
  const memcacheds = await Promise.all(Array.from({ length: MEMCACHEDS }, startMemcached))
  const addresses = memcacheds.map(({ address }) => address)
  const services = await Promise.all(
    Array.from({ length: PROCESSES }, () => startService(way, addresses)),
  )
  const holder = holderOf(addresses)
  // The page is cached before the link appears.
  await fetch(`${services[0].url}/reports/books`)
  const startMs = Date.now()
  const loads = services.map(({ url }, i) => startLoad(`${url}/reports/books`, share(count, i)))
  const killMs = startMs + (SECONDS * 1000 * 2) / 3
  await sleep(killMs - Date.now())
  memcacheds.find(({ address }) => address === holder).child.kill('SIGKILL')
  const answers = await Promise.all(loads)
  const calls = services.flatMap(({ calls }) => calls).sort((a, b) => a - b)
  for (const { child } of [...services, ...memcacheds]) child.kill('SIGKILL')
  const inRun = calls.filter((atMs) => atMs >= startMs)
  const bursts = burstsOf(inRun)
  const isOfKill = ({ firstMs }) => firstMs >= killMs - BURST_MS && firstMs < killMs + KILL_MS
  const sum = (name) => answers.reduce((total, answer) => total + answer[name], 0)
  const answered = sum('answered')
  const average = answers.reduce((total, one) => total + one.averageMs * one.answered, 0)
  return {
    way,
    users: count,
    seconds: SECONDS,
    answered,
    errors: sum('errors'),
    originCalls: inRun.length,
    originCallsPerExpiry: bursts.filter((one) => !isOfKill(one)).map(({ calls }) => calls),
    originCallsOfKill: bursts.filter(isOfKill).reduce((total, { calls }) => total + calls, 0),
    averageMs: Math.round(average / Math.max(1, answered)),
    p99Ms: Math.max(...answers.map(({ p99Ms }) => p99Ms)),
    maxMs: Math.max(...answers.map(({ maxMs }) => maxMs)),
  }
}

function share(count, index) {
  return Math.floor(count / PROCESSES) + (index < count % PROCESSES ? 1 : 0)
}

function burstsOf(calls) {
  const bursts = []
  for (const atMs of calls) {
    const last = bursts.at(-1)
    if (last !== undefined && atMs - last.lastMs < BURST_MS) {
      last.calls++
      last.lastMs = atMs
    } else bursts.push({ calls: 1, firstMs: atMs, lastMs: atMs })
  }
  return bursts
}

function holderOf(addresses) {
  const client = new MemcachedClient(addresses)
  const { server } = client.locate('report:books')
  void client.close()
  return server
}

async function startMemcached() {
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const args = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-t', '1', ...user]
  const child = spawn(process.env.MEMCACHED_BIN ?? 'memcached', args, { stdio: 'ignore' })
  await untilOpen(port)
  return { child, address: `127.0.0.1:${port}` }
}

/** A service prints each call of its origin, so that no request is needed to count them. */
async function startService(way, addresses) {
  const port = await freePort()
  const calls = []
  const child = spawn(process.execPath, ['api/start.js', 'express', way], {
    cwd: join(root, 'examples'),
    env: {
      ...process.env,
      PORT: String(port),
      TTL: String(TTL_SECONDS),
      MEMCACHED_SERVERS: addresses.join(','),
      // Thousands of readers on two cores stop a process for longer than the default 500 ms.
      MINTRING_REQUEST_TIMEOUT_MS: '2000',
      TELL_ORIGIN_CALLS: '1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout.setEncoding('utf8').on('data', (text) => {
    for (const [, atMs] of text.matchAll(/^origin (\d+)$/gm)) calls.push(Number(atMs))
  })
  await untilOpen(port)
  return { child, calls, url: `http://127.0.0.1:${port}` }
}

async function startLoad(url, connections) {
  const args = [join(here, 'load.mjs'), url, String(connections), String(SECONDS)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.on('data', (bytes) => {
    said += bytes
  })
  await once(child, 'close')
  return JSON.parse(said)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function untilOpen(port) {
  const { connect } = await import('node:net')
  for (let tries = 0; tries < 600; tries++) {
    const isOpen = await new Promise((answer) => {
      const socket = connect(port, '127.0.0.1', () => answer(true))
      socket.once('error', () => answer(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await sleep(50)
  }
  throw new Error(`nothing listens on ${port}`)
}

/** Runs that were not repeated keep their last result. */
function save(fresh) {
  const before = readBefore()
  const isFresh = (run) => fresh.some(({ way, users }) => way === run.way && users === run.users)
  const all = [...before.filter((run) => !isFresh(run)), ...fresh]
  all.sort(
    (a, b) =>
      a.users - b.users ||
      ['none', 'naive', 'mintring'].indexOf(a.way) - ['none', 'naive', 'mintring'].indexOf(b.way),
  )
  const machine = {
    node: process.version,
    cpus: `${os.cpus().length} × ${os.cpus()[0]?.model}`,
    loadAverage: os.loadavg().map((load) => Math.round(load * 10) / 10),
    memcacheds: MEMCACHEDS,
    processes: PROCESSES,
    ttlSeconds: TTL_SECONDS,
  }
  writeFileSync(results, `${JSON.stringify({ machine, runs: all }, null, 2)}\n`)
}

function readBefore() {
  try {
    return JSON.parse(readFileSync(results, 'utf8')).runs
  } catch {
    return []
  }
}
