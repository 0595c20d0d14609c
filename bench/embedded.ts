import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../src/client/client.ts'
import { freePort, startMemcached } from '../test/support/memcached.ts'
import { TYPESCRIPT } from '../test/support/typescript.ts'

/**
 * The embedded server compared with a real memcached of one thread, each in a separate process
 * behind the same client, alternating: `npm run bench -- embedded`. Prints medians of operations
 * per second and how many times faster the real one is.
 */
const ROUNDS = 7
const ROUND_MS = 400
const KEYS = 1_000
const VALUE = 'v'.repeat(100)

const verbs = {
  get: (cache: MemcachedClient, key: string): Promise<unknown> => cache.get(key),
  gets: (cache: MemcachedClient, key: string): Promise<unknown> => cache.gets(key),
  set: (cache: MemcachedClient, key: string): Promise<unknown> => cache.set(key, VALUE),
}

async function startEmbedded(): Promise<{ address: string; child: ChildProcess }> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const port = await freePort()
  const args = [...TYPESCRIPT, main, 'serve', '--port', String(port)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return { address: `127.0.0.1:${port}`, child }
}

async function opsPerSecond(
  cache: MemcachedClient,
  verb: keyof typeof verbs,
  inFlight: number,
): Promise<number> {
  const startMs = performance.now()
  let done = 0
  const work = async (worker: number): Promise<void> => {
    for (let turn = worker * 31; performance.now() - startMs < ROUND_MS; turn++, done++) {
      await verbs[verb](cache, `bench:key:${turn % KEYS}`)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, (_, worker) => work(worker)))
  return (done * 1_000) / (performance.now() - startMs)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

const real = await startMemcached({ args: ['-t', '1'] })
const embedded = await startEmbedded()
const clients = [`127.0.0.1:${real.port}`, embedded.address].map((server) => {
  return new MemcachedClient([server], { requestTimeoutMs: 5_000 })
})
for (const cache of clients) {
  for (let i = 0; i < KEYS; i++) await cache.set(`bench:key:${i}`, VALUE)
}
const rows = []
for (const verb of Object.keys(verbs) as (keyof typeof verbs)[]) {
  for (const inFlight of [1, 32, 512]) {
    const seen: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, cache] of clients.entries()) {
        seen[i]!.push(await opsPerSecond(cache, verb, inFlight))
      }
    }
    const [realOps, embeddedOps] = seen.map(median) as [number, number]
    const timesSlower = (realOps / embeddedOps).toFixed(2)
    rows.push({
      verb,
      inFlight,
      real: Math.round(realOps),
      embedded: Math.round(embeddedOps),
      timesSlower,
    })
  }
}
console.table(rows)
for (const cache of clients) await cache.close()
embedded.child.kill('SIGTERM')
await real.stop()
