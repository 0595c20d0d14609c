// One hot key expires under many readers at once: the load on the origin, and how long readers
// wait. Four processes, a loader of 200 ms, an origin that runs 50 requests at a time.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findMemcached, freePort } from '../../test/support/memcached.ts'
import { TYPESCRIPT } from '../../test/support/typescript.ts'

const PROCESSES = 4
const LOADER_MS = 200
const AT_A_TIME = 50
const EXPIRY_MS = 2_100
const READS = [1_000, 15_000]
const MODES = [
  'none',
  'in-process',
  'bentocache',
  'async-cache-dedupe',
  'cacheable',
  'lock-and-wait',
  'stale-while-refill',
]
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url))
const value = 'x'.repeat(2_048)

interface Row {
  readonly mode: string
  readonly reads: number
  readonly calls: number
  readonly peakQueue: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

class Origin {
  calls = 0
  peakQueue = 0
  #running = 0
  readonly #waiting: (() => void)[] = []

  async load(): Promise<string> {
    this.calls++
    if (this.#running >= AT_A_TIME) {
      await new Promise<void>((start) => {
        this.#waiting.push(start)
        this.peakQueue = Math.max(this.peakQueue, this.#waiting.length)
      })
    }
    this.#running++
    await sleep(LOADER_MS)
    this.#running--
    this.#waiting.shift()?.()
    return value
  }
}

function hear<Value>(child: ChildProcess, what: string): Promise<Value> {
  return new Promise((resolve) => {
    const listen = (message: object): void => {
      if (!(what in message)) return
      child.off('message', listen)
      resolve(message[what as keyof typeof message])
    }
    child.on('message', listen)
  })
}

async function measure(mode: string, reads: number, port: number): Promise<Row> {
  const origin = new Origin()
  const children = Array.from({ length: PROCESSES }, () =>
    fork(worker, [mode, String(port)], { execArgv: [...TYPESCRIPT] }),
  )
  for (const child of children) {
    child.on('message', async ({ load }: { readonly load?: number }) => {
      if (load !== undefined) child.send({ loaded: load, value: await origin.load() })
    })
  }
  await Promise.all(children.map((child) => hear(child, 'ready')))
  for (const child of children) {
    const primed = hear(child, 'primed')
    child.send({ prime: true })
    await primed
  }
  await sleep(EXPIRY_MS)
  origin.calls = origin.peakQueue = 0
  const done = children.map((child) => hear<number[]>(child, 'tookMs'))
  for (const child of children) child.send({ reads: reads / PROCESSES })
  const tookMs = (await Promise.all(done)).flat().sort((a, b) => a - b)
  await sleep(LOADER_MS + 100)
  const { calls, peakQueue } = origin
  const ended = children.map((child) => once(child, 'exit'))
  for (const child of children) child.send({ stop: true })
  await Promise.all(ended)
  const at = (share: number): number =>
    Math.round(tookMs[Math.min(tookMs.length - 1, Math.floor(reads * share))]!)
  return { mode, reads, calls, peakQueue, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

const port = await freePort()
const memcached = spawn(
  findMemcached() ?? 'memcached',
  ['-l', '127.0.0.1', '-p', String(port), ...(process.getuid?.() === 0 ? ['-u', 'nobody'] : [])],
  { stdio: 'ignore' },
)
try {
  await sleep(300)
  const named = process.argv.slice(2)
  const rows: Row[] = []
  for (const reads of READS) {
    for (const mode of MODES.filter((one) => named.length === 0 || named.includes(one))) {
      const row = await measure(mode, reads, port)
      rows.push(row)
      console.log(JSON.stringify(row))
    }
  }
  console.table(rows)
} finally {
  memcached.kill()
}
