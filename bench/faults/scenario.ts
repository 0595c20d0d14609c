import { execFileSync, spawn } from 'node:child_process'
import net from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { FaultLoad, type LoadWindow } from '../../test/support/fault-load.ts'
import { type Memcached, startMemcached } from '../../test/support/memcached.ts'
import { contenders } from './clients.ts'

/**
 * One client, one fault: three memcacheds, steady traffic, the first host breaks and is repaired.
 * Run by faults.ts, in a network namespace of its own; prints one line of JSON. Arguments: client,
 * fault, seconds, broken at, repaired at, operations a second.
 */
const [client = 'mintring', fault = 'kill', ...numbers] = process.argv.slice(2)
const [seconds = 20, brokenAt = 5, mendedAt = 12, opsPerSecond = 2_000] = numbers.map(Number)
const KEYS = 3_000
const SAMPLE_MS = 100

/** The result of a run. */
export interface Row {
  readonly client: string
  readonly fault: string
  issued: number
  unsettled: number
  errors: number
  readErrors: number
  wrong: number
  stale: number
  maxMs: number
  maxReadMs: number
  /** Hits of all reads in the last second of the fault, in percent. */
  hitPercent: number
  /** From the repair until the host has 60 % of its share again; undefined when it never had. */
  backMs: number | undefined
  peakInFlight: number
  /** Connections to the broken host at the end. */
  connections: number
  uncaught: number
}

const sleep = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms))

async function breakHost({ pid, port, kill }: Memcached): Promise<void> {
  if (fault === 'kill') return kill()
  if (fault === 'stop') process.kill(pid, 'SIGSTOP')
  else if (fault === 'black hole') {
    for (const end of ['--dport', '--sport']) {
      const rule = ['-w', '-I', 'INPUT', '-p', 'tcp', end, String(port), '-j', 'DROP']
      execFileSync('iptables', rule)
    }
  } else if (fault !== 'none') throw new Error(`unknown fault ${fault}`)
}

async function mendHost(server: Memcached): Promise<void> {
  if (fault === 'kill') await server.restart()
  else if (fault === 'stop') process.kill(server.pid, 'SIGCONT')
  else if (fault === 'black hole') execFileSync('iptables', ['-w', '-F', 'INPUT'])
}

/** A number of `stats`, over a separate connection; undefined when there is no reply in time. */
function statOf(port: number, name: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    const end = (value: number | undefined): void => {
      socket.destroy()
      resolve(value)
    }
    let text = ''
    socket.setTimeout(90, () => end(undefined))
    socket.once('error', () => end(undefined))
    socket.once('connect', () => socket.write('stats\r\n'))
    socket.setEncoding('latin1').on('data', (part) => {
      text += String(part)
      const found = new RegExp(`STAT ${name} (\\d+)`).exec(text)
      if (found !== null) end(Number(found[1]))
    })
  })
}

/** Reads per second that arrive at a host during the next 100 ms. */
async function readRate(port: number): Promise<number> {
  const before = await statOf(port, 'cmd_get')
  await sleep(SAMPLE_MS)
  const after = await statOf(port, 'cmd_get')
  return before === undefined || after === undefined ? 0 : ((after - before) * 1_000) / SAMPLE_MS
}

async function playFault(
  servers: readonly Memcached[],
  startMs: number,
): Promise<number | undefined> {
  const broken = servers[0]!
  const until = (atSeconds: number): Promise<void> =>
    sleep(Math.max(0, startMs + atSeconds * 1_000 - performance.now()))
  await until(brokenAt - 1)
  const share = (await readRate(broken.port)) || 1
  await until(brokenAt)
  await breakHost(broken)
  await until(mendedAt)
  await mendHost(broken)
  const mendedMs = performance.now()
  let backMs: number | undefined
  // Held-up requests may be served in a burst: only continued traffic means that the host is back.
  for (let goodSamples = 0; performance.now() < startMs + seconds * 1_000 - 300; ) {
    const isGood = (await readRate(broken.port)) >= share * 0.6
    if (isGood && goodSamples === 0) backMs = performance.now() - mendedMs
    goodSamples = isGood ? goodSamples + 1 : 0
    if (goodSamples === 3) break
    if (!isGood) backMs = undefined
  }
  await until(seconds)
  return backMs
}

function hitPercent(windows: readonly LoadWindow[]): number {
  const last = windows.slice((mendedAt - 1) * 2, mendedAt * 2)
  const hits = last.reduce((sum, window) => sum + window.hits, 0)
  const all = last.reduce((sum, { hits: h, misses, errors }) => sum + h + misses + errors, 0)
  return all === 0 ? 0 : (100 * hits) / all
}

/** pylibmc runs in Python; its report has the same fields. */
async function runPython(
  servers: readonly Memcached[],
): Promise<Partial<Row> & { windows: LoadWindow[] }> {
  const script = fileURLToPath(new URL('./pylibmc_load.py', import.meta.url))
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const given = [script, addresses, seconds, opsPerSecond, KEYS].map(String)
  const python = process.env.PYTHON ?? '/usr/bin/python3'
  const child = spawn(python, given, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += String(part)
  })
  while (!text.includes('filled')) await sleep(5)
  const backMs = await playFault(servers, performance.now())
  const ended = new Promise((resolve) => child.once('close', resolve))
  await Promise.race([ended, sleep(10_000)])
  child.kill('SIGKILL')
  const { windows, ...report } = JSON.parse(text.split('\n')[1] || '{"windows":[]}')
  return { ...report, windows, backMs }
}

async function runNode(
  servers: readonly Memcached[],
): Promise<Partial<Row> & { windows: LoadWindow[] }> {
  let uncaught = 0
  process.on('uncaughtException', () => uncaught++)
  process.on('unhandledRejection', () => uncaught++)
  const target = contenders[client]!(servers.map(({ port }) => `127.0.0.1:${port}`))
  const load = new FaultLoad(target, { opsPerSecond, keys: KEYS })
  await load.fill()
  load.start()
  const backMs = await playFault(servers, performance.now())
  const { errorCodes: _, windows, ...report } = await load.stop(3_000)
  const connections = await statOf(servers[0]!.port, 'curr_connections')
  await Promise.race([Promise.resolve(target.close()).catch(() => undefined), sleep(1_000)])
  return { ...report, windows, backMs, uncaught, connections: (connections ?? 0) - 1 }
}

const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-t', '1'] })))
const { windows, ...report } = await (client === 'pylibmc' ? runPython(servers) : runNode(servers))
const unsettled = (report.issued ?? 0) - ((report as { settled?: number }).settled ?? 0)
const row = { client, fault, ...report, unsettled, hitPercent: hitPercent(windows) }
process.stdout.write(`${JSON.stringify(row)}\n`, () => process.exit(0))
