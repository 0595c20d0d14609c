import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { HEALTHY, type Health, nextHealth } from '../src/hosts/health.ts'
import { defaultClusterPolicy } from '../src/hosts/policy.ts'
import { freePort, startMemcached } from '../test/support/memcached.ts'
import { build } from './clients/build.mjs'
import { machine, writeResults } from './clients/report.mjs'

// The cost of m hosts for n processes: `npm run bench -- scale`. Real memcacheds and processes that
// start at once, idle, and read while all hosts are killed and restarted at once. Hosts are on
// loopback, and all processes share the cores, so that times and timeouts are not those of a fleet:
// counts are. SHAPES=1x1x10,100x1x100 selects processes x clients x hosts.
const SHAPES = '1x1x10,1x1x100,1x1x1000,1x1000x4,10x1x100,100x1x100'
/** A memcached listens on several ports when there are more hosts. */
const MEMCACHEDS = 100
/** So that processes that wait for a core do not eject hosts. */
const BEHAVIORS = { requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 }
const IDLE_MS = 5_000
const DOWN_MS = 3_000
const LOAD_INTERVAL_MS = 1_000
/** How long reads go on after all hosts are back. */
const CALM_MS = 2_000
const SIMULATED_PROCESSES = [100, 1_000, 10_000]
const SIMULATED_OUTAGES_MS = [3_000, 60_000, 600_000]
const WORKER = fileURLToPath(new URL('./scale/worker.mjs', import.meta.url))

interface Shape {
  readonly processes: number
  readonly clients: number
  readonly hosts: number
}

/** What a process of the fleet answers to an order. */
interface Figures {
  readonly ms: number
  readonly cpuMs: number
  readonly heap: number
  readonly rss: number
  readonly connections: number
  readonly files: number
  readonly dials: Readonly<Record<string, readonly number[]>>
  readonly upMs: number
  readonly calls: number
  readonly failures: readonly { readonly atMs: number; readonly code: string }[]
}

const rows: object[] = []
const url = await build()
for (const shape of (process.env.SHAPES ?? SHAPES).split(',')) {
  const [processes, clients, hosts] = shape.split('x').map(Number) as [number, number, number]
  rows.push(await measured({ processes, clients, hosts }))
  console.log(rows.at(-1))
}
const simulated = SIMULATED_PROCESSES.flatMap((processes) =>
  SIMULATED_OUTAGES_MS.flatMap((outageMs) =>
    [true, false].map((hasFallback) => simulatedOutage(processes, outageMs, hasFallback)),
  ),
)
console.log(simulated)
writeResults('scale', { machine: machine(), rows, simulated })

async function measured(shape: Shape): Promise<object> {
  const fleet = await startFleet(shape)
  const children = await Promise.all(Array.from({ length: shape.processes }, startProcess))
  const all = (name: string, order: object = {}): Promise<Figures[]> =>
    Promise.all(children.map((child) => told(child, { name, ...order })))
  try {
    return await review(shape, fleet, all)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await fleet.kill()
  }
}

async function review(
  { processes, clients, hosts }: Shape,
  fleet: Fleet,
  all: (name: string, order?: object) => Promise<Figures[]>,
): Promise<object> {
  const empty = await all('idle', { ms: 0 })
  const made = await all('make', { servers: fleet.servers, count: clients, behaviors: BEHAVIORS })
  const started = await all('start')
  const idle = await all('idle', { ms: IDLE_MS })
  const connections = sum(started.map((one) => one.connections))
  // Each call reads as many random keys as there are hosts, and so asks two of three of them. Many
  // processes call less often, so that two cores bear it.
  await all('load', { keys: hosts, everyMs: Math.max(1, processes / 20) * LOAD_INTERVAL_MS })
  await sleep(CALM_MS)
  const outage = all('idle', { ms: DOWN_MS })
  await fleet.kill()
  const down = await outage
  await fleet.restart()
  const backMs = Date.now()
  const returned = await all('upAgain')
  await sleep(CALM_MS)
  const errors = await all('errors')
  const failures = errors.flatMap((one) => one.failures)
  const late = failures.filter(({ atMs }) => atMs > backMs)
  const grown = (what: 'heap' | 'rss'): number =>
    Math.round(median(idle.map((one, i) => one[what] - empty[i]![what])) / 1_024)
  return {
    ...{ processes, clients, hosts, connections, connectionsPerHost: connections / hosts },
    filesPerProcess: median(started.map(({ files }) => files)),
    constructCpuMs: Math.round(median(made.map(({ cpuMs }) => cpuMs))),
    startMs: Math.round(Math.max(...started.map(({ ms }) => ms))),
    startCpuMs: Math.round(median(started.map(({ cpuMs }) => cpuMs))),
    startPeak: peakOf(started),
    ...{ heapKb: grown('heap'), rssKb: grown('rss') },
    idleCpuPercent: percent(idle),
    ...{ downCpuPercent: percent(down), downPeak: peakOf(down) },
    returnMs: Math.max(...returned.map(({ upMs }) => upMs)) - backMs,
    returnCpuMs: Math.round(median(returned.map(({ cpuMs }) => cpuMs))),
    returnPeak: peakOf(returned),
    ...{ calls: sum(errors.map(({ calls }) => calls)), failed: failures.length },
    failedCodes: [...new Set(failures.map(({ code }) => code))].join(' '),
    lastFailureMs: Math.max(0, ...late.map(({ atMs }) => atMs - backMs)),
  }
}

interface Fleet {
  readonly servers: readonly string[]
  kill(): Promise<void>
  restart(): Promise<void>
}

async function startFleet({ processes, clients, hosts }: Shape): Promise<Fleet> {
  const ports = new Set<number>()
  while (ports.size < hosts) ports.add(await freePort())
  const each = Math.ceil(hosts / MEMCACHEDS)
  const room = String(2 * processes * clients * each + 100)
  const memcacheds = await Promise.all(
    Array.from({ length: Math.ceil(hosts / each) }, (_, i) => {
      const [port, ...more] = [...ports].slice(i * each, (i + 1) * each)
      const args = ['-t', '1', '-m', '2', '-c', room]
      return startMemcached({
        port: port!,
        args: [...args, ...more.flatMap((other) => ['-l', `127.0.0.1:${other}`])],
      })
    }),
  )
  return {
    servers: [...ports].map((port) => `127.0.0.1:${port}`),
    kill: async () => void (await Promise.all(memcacheds.map((one) => one.kill()))),
    restart: async () => void (await Promise.all(memcacheds.map((one) => one.restart()))),
  }
}

async function startProcess(): Promise<ChildProcess> {
  const child = fork(WORKER, [url], { execArgv: ['--expose-gc'], serialization: 'advanced' })
  await once(child, 'message')
  return child
}

async function told(child: ChildProcess, order: object): Promise<Figures> {
  child.send(order)
  const [figures] = (await once(child, 'message')) as [Figures]
  return figures
}

/** The most dials that one host got within 100 ms. */
function peakOf(figures: readonly Figures[]): number {
  const hosts = [...new Set(figures.flatMap(({ dials }) => Object.keys(dials)))]
  const dialsOf = (host: string): number[] => figures.flatMap(({ dials }) => dials[host] ?? [])
  return Math.max(0, ...hosts.map((host) => most(dialsOf(host))))
}

/** The most of these times that lie within 100 ms. */
function most(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  let first = 0
  let peak = 0
  for (const [last, atMs] of sorted.entries()) {
    while (sorted[first]! <= atMs - 100) first++
    peak = Math.max(peak, last - first + 1)
  }
  return peak
}

/**
 * The dials that one host gets while it is dead, and when it is back: the rules of a client, on
 * virtual time, for busy processes that all lose the host at once. `hasFallback`: the host is not
 * the only one, so that it is ejected and probed.
 */
function simulatedOutage(processes: number, outageMs: number, hasFallback: boolean): object {
  const rules = { ...defaultClusterPolicy, autoEjectHosts: hasFallback }
  const refused: number[] = []
  const accepted: number[] = []
  for (let i = 0; i < processes; i++) {
    let health = HEALTHY
    let atMs = Math.random() * 10
    for (; atMs < outageMs; atMs = nextDialOf(health)) {
      refused.push(atMs)
      if (health.name === 'ejected') {
        health = nextHealth(health, 'probeStarted', atMs, rules, Math.random())
      }
      health = nextHealth(health, 'dialFailed', atMs, rules, Math.random())
    }
    accepted.push(atMs - outageMs)
  }
  return {
    ...{ processes, outageMs, hasFallback, refusedPeak: most(refused), returnPeak: most(accepted) },
    meanReturnMs: Math.round(sum(accepted) / processes),
    lastReturnMs: Math.round(Math.max(...accepted)),
  }
}

function nextDialOf({ name, nextProbeMs, nextDialMs }: Health): number {
  return name === 'ejected' ? nextProbeMs : nextDialMs
}

function percent(figures: readonly Figures[]): number {
  return Math.round(median(figures.map(({ cpuMs, ms }) => cpuMs / ms)) * 1_000) / 10
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
