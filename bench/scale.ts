// The cost of m hosts for n processes: `npm run bench -- scale`. Embedded servers run in one
// process, clients in another, which is measured: starting (a first get at every host), idling, and
// all hosts restarted at once under a steady load. Hosts are on loopback: network distance is not
// measured.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../src/client/client.ts'
import { startServer } from '../src/embedded/server.ts'
import { machine, writeResults } from './clients/report.mjs'

const SHAPES = [
  { hosts: 10, clients: 1 },
  { hosts: 100, clients: 1 },
  { hosts: 1000, clients: 1 },
  { hosts: 10, clients: 100 },
  { hosts: 3, clients: 1000 },
]
/** One process plays all hosts here, and needs time for a thousand handshakes. */
const PATIENT = { requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 }
const IDLE_MS = 5_000
const DOWN_MS = 3_000
const LOAD_INTERVAL_MS = 20

interface Row {
  readonly hosts: number
  readonly clients: number
  readonly connections: number
  readonly [figure: string]: number
}

const [role, count] = process.argv.slice(2)
if (role === 'hosts') await serveHosts(Number(count))
else await review()

async function review(): Promise<void> {
  const rows: Row[] = []
  for (const shape of SHAPES) {
    const row = await measured(shape)
    rows.push(row)
    console.log(row)
  }
  writeResults('scale', { machine: machine(), rows })
}

/** The other process: that many embedded servers, which stop and restart together on order. */
async function serveHosts(hosts: number): Promise<void> {
  const servers = await Promise.all(Array.from({ length: hosts }, () => startServer()))
  process.send!(servers.map(({ address }) => address))
  process.once('disconnect', () => process.exit())
  process.on('message', async (what) => {
    if (what === 'kill') await Promise.all(servers.map((server) => server.kill()))
    else await Promise.all(servers.map((server) => server.restart()))
    process.send!('done')
  })
}

async function measured({ hosts, clients }: (typeof SHAPES)[number]): Promise<Row> {
  const child = fork(fileURLToPath(import.meta.url), ['hosts', String(hosts)])
  const [addresses] = (await once(child, 'message')) as [string[]]
  const before = usage()
  const made = Array.from({ length: clients }, () => new MemcachedClient(addresses, PATIENT))
  const constructed = since(before)
  const start = usage()
  await Promise.all(made.map((client) => askEveryHost(client)))
  const started = since(start)
  const idle = usage()
  await sleep(IDLE_MS)
  const idled = since(idle)
  const lanes = made.flatMap((client) => client.hosts().map((host) => host.lanes))
  const connections = lanes.reduce((sum, one) => sum + one, 0)
  const files = readdirSync('/proc/self/fd').length
  const storm = await restartAll(child, made)
  await Promise.all(made.map((client) => client.close({ drainMs: 0 })))
  child.kill('SIGKILL')
  await once(child, 'exit')
  return {
    ...{ hosts, clients, connections, files },
    constructMs: constructed.ms,
    startMs: started.ms,
    startCpuMs: started.cpuMs,
    heapKbPerConnection: Math.round((idle.heap - before.heap) / 1024 / connections),
    idleCpuPercent: Math.round((idled.cpuMs / idled.ms) * 1000) / 10,
    ...storm,
  }
}

/** Opens a connection to every host: one raw command each. */
async function askEveryHost(client: MemcachedClient): Promise<void> {
  const replies = await client.version()
  if (replies.failed.size > 0) throw [...replies.failed.values()][0]
}

/** All hosts die and restart at once, while the clients keep asking. */
async function restartAll(child: ChildProcess, clients: readonly MemcachedClient[]) {
  const load = setInterval(() => {
    const client = clients[Math.floor(Math.random() * clients.length)]!
    client.get(`key:${Math.random()}`).catch(() => {})
  }, LOAD_INTERVAL_MS)
  const down = usage()
  await told(child, 'kill')
  await sleep(DOWN_MS)
  const outage = since(down)
  await told(child, 'restart')
  const back = usage()
  // A suspect host gets requests again; it waits for one to be cleared.
  while (!clients.every(isUp)) await sleep(10)
  const returned = since(back)
  clearInterval(load)
  return {
    outageCpuPercent: Math.round((outage.cpuMs / outage.ms) * 1000) / 10,
    returnMs: returned.ms,
    returnCpuMs: returned.cpuMs,
  }
}

function isUp(client: MemcachedClient): boolean {
  return client.hosts().every(({ state }) => state === 'up' || state === 'suspect')
}

async function told(child: ChildProcess, what: string): Promise<void> {
  child.send(what)
  await once(child, 'message')
}

function usage() {
  globalThis.gc!()
  return { atMs: performance.now(), cpu: process.cpuUsage(), heap: process.memoryUsage().heapUsed }
}

function since({ atMs, cpu }: ReturnType<typeof usage>): { ms: number; cpuMs: number } {
  const { user, system } = process.cpuUsage(cpu)
  return { ms: Math.round(performance.now() - atMs), cpuMs: Math.round((user + system) / 1000) }
}
