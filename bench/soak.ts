import process from 'node:process'
import { MemcachedClient } from '../src/client/client.ts'
import { FaultLoad } from '../test/support/fault-load.ts'
import { type Memcached, startMemcached } from '../test/support/memcached.ts'

/**
 * Hours of steady traffic with a fault every ten seconds: kill and restart, stop and continue, or
 * none.
 * `node --expose-gc --import ./scripts/typescript.mjs bench/soak.ts [minutes = 60] [seed = 1]`.
 * Exits with 1 when a value was wrong, an operation never settled, the heap grew or a handle was
 * left.
 */
const minutes = Number(process.argv[2] ?? 60)
const seed = Number(process.argv[3] ?? 1)
const TIMEOUT_MS = 500
const FAULT_EVERY_MS = 10_000
const FAULT_MS = 4_000
/** The heap may vary; more growth than this per hour is a leak. */
const MAX_GROWTH_BYTES_PER_HOUR = 6 * 1024 * 1024

const sleep = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms))
let state = seed
const roll = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 4_294_967_296) * below)
}

async function hurt(server: Memcached): Promise<string> {
  const kind = ['kill', 'stop', 'nothing'][roll(3)]!
  if (kind === 'kill') await server.kill()
  else if (kind === 'stop') process.kill(server.pid, 'SIGSTOP')
  await sleep(FAULT_MS)
  if (kind === 'kill') await server.restart()
  else if (kind === 'stop') process.kill(server.pid, 'SIGCONT')
  return kind
}

function heapUsed(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** Bytes per hour by least squares, without the first third: caches and code warm up. */
function growth(samples: readonly (readonly [number, number])[]): number {
  const late = samples.slice(Math.floor(samples.length / 3))
  const meanX = late.reduce((sum, [x]) => sum + x, 0) / late.length
  const meanY = late.reduce((sum, [, y]) => sum + y, 0) / late.length
  const over = late.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = late.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return under === 0 ? 0 : (over / under) * 3_600_000
}

const servers = await Promise.all([1, 2, 3].map(() => startMemcached({ args: ['-t', '1'] })))
const client = new MemcachedClient(
  servers.map(({ port }) => `127.0.0.1:${port}`),
  { requestTimeoutMs: TIMEOUT_MS, retryTimeoutMs: 1_000 },
)
const load = new FaultLoad(client, { opsPerSecond: 2_000, keys: 3_000, seed })
await load.fill()
const before = process.getActiveResourcesInfo().length
const startMs = performance.now()
const samples: [number, number][] = []
load.start()
while (performance.now() - startMs < minutes * 60_000) {
  const kind = await hurt(servers[roll(3)]!)
  await sleep(FAULT_EVERY_MS - FAULT_MS)
  samples.push([performance.now() - startMs, heapUsed()])
  const { issued, errors, wrong, maxMs } = load.report
  const megabytes = (samples.at(-1)![1] / 1_048_576).toFixed(1)
  const minute = ((performance.now() - startMs) / 60_000).toFixed(1)
  const seen = `${issued} ops, ${errors} errors, ${wrong} wrong, longest ${Math.round(maxMs)} ms`
  console.log(`${minute} min ${kind}: ${seen}, heap ${megabytes} MB`)
  // The time windows of the report are meant for short runs.
  load.report.windows.length = 0
}
const report = await load.stop()
const bytesPerHour = growth(samples)
const handles = process.getActiveResourcesInfo().length - before
await client.close()
const verdict = {
  seed,
  minutes,
  issued: report.issued,
  settled: report.settled,
  wrong: report.wrong,
  stale: report.stale,
  errors: Object.fromEntries(report.errorCodes),
  longestMs: Math.round(report.maxMs),
  heapBytesPerHour: Math.round(bytesPerHour),
  handlesMore: handles,
}
console.log(JSON.stringify(verdict, null, 2))
const isFlat = minutes < 10 || bytesPerHour < MAX_GROWTH_BYTES_PER_HOUR
const isGood = report.wrong === 0 && report.issued === report.settled && isFlat && handles <= 3
for (const server of servers) await server.kill()
process.exitCode = isGood ? 0 : 1
