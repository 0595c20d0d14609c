/**
 * One million keys into a real memcached, in a heap of 256 MB, killed half-way and resumed:
 * `node --max-old-space-size=256 --import ./scripts/typescript.mjs bench/warm-million.ts`
 * (MEMCACHED=host:port, or an embedded server in a process of its own).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { getHeapStatistics } from 'node:v8'
import { MemcachedClient } from '../src/client/client.ts'
import { startMemcached } from '../test/support/memcached.ts'
import { TYPESCRIPT } from '../test/support/typescript.ts'

const KEYS = Number(process.env.KEYS ?? 1_000_000)
const log = join(tmpdir(), 'mintring-warm-million.log')

function* keys(): Generator<string> {
  for (let i = 0; i < KEYS; i++) yield `page:${i}`
}

async function warm(server: string): Promise<void> {
  const cache = new MemcachedClient(server)
  let maxRssBytes = 0
  let maxHeapBytes = 0
  const startMs = performance.now()
  const done = await cache.warm(keys(), (key) => `body of ${key} ${'x'.repeat(100)}`, {
    concurrency: 256,
    resumeFrom: log,
    onProgress: ({ taken, resumed }) => {
      const { rss, heapUsed } = process.memoryUsage()
      maxRssBytes = Math.max(maxRssBytes, rss)
      maxHeapBytes = Math.max(maxHeapBytes, heapUsed)
      // The first run is killed, as in a crash.
      if (resumed === 0 && taken > KEYS / 2) process.kill(process.pid, 'SIGKILL')
    },
  })
  const items = [...(await cache.stats()).values()].map((stats) => Number(stats.curr_items))
  await cache.close()
  const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024)
  console.log(
    JSON.stringify({
      ...done,
      seconds: Math.round((performance.now() - startMs) / 100) / 10,
      heapLimitMiB: mebibytes(getHeapStatistics().heap_size_limit),
      maxHeapMiB: mebibytes(maxHeapBytes),
      maxRssMiB: mebibytes(maxRssBytes),
      itemsInMemcached: items.reduce((sum, count) => sum + count, 0),
    }),
  )
}

const given = process.argv[2]
if (given !== undefined) {
  await warm(given)
} else {
  if (existsSync(log)) rmSync(log)
  const memcached = await startMemcached({ args: ['-m', '1024'] })
  for (const run of ['killed half-way', 'resumed']) {
    const args = ['--max-old-space-size=256', ...TYPESCRIPT, import.meta.filename]
    const server = `127.0.0.1:${memcached.port}`
    const child = spawn(process.execPath, [...args, server], { stdio: 'inherit' })
    const [code, signal] = await once(child, 'exit')
    console.log(`${run}: ${signal ?? `exit ${code}`}`)
  }
  rmSync(log)
  await memcached.kill()
}
