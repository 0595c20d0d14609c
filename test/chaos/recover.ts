import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MemcachedClient } from '../../src/client/client.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const VICTIM = fileURLToPath(new URL('./victim.ts', import.meta.url))
const READ_GAP_MS = 25

/** What happened after a loading process was killed. */
export interface Recovery {
  /** Time from the kill to the next load. */
  readonly recoveredMs: number
  readonly loads: number
  /** The slowest read meanwhile, the one that loads excluded. */
  readonly slowestStaleMs: number
}

/**
 * Kills the process that holds the lease of a key, cold or with a stale value, and keeps reading.
 */
export async function recover(
  port: number,
  temperature: 'cold' | 'stale',
  lease: number,
  protocol: 'meta' | 'classic' = 'meta',
): Promise<Recovery> {
  const key = `${temperature}:${lease}:${protocol}`
  const client = new MemcachedClient(`127.0.0.1:${port}`, { protocol })
  const policy = { ttl: 1, staleWhileRevalidate: 60, lease, jitter: 0, waitTimeoutMs: 60_000 }
  let loads = 0
  let loadedMs = 0
  const loader = (): string => {
    loads++
    loadedMs = performance.now()
    return 'value'
  }
  try {
    if (temperature === 'stale') {
      await client.getOrSet(key, loader, policy)
      loads = 0
      await sleep(2_100)
    }
    const victim = fork(VICTIM, [String(port), key, String(lease), protocol], {
      execArgv: [...TYPESCRIPT],
    })
    await once(victim, 'message')
    victim.kill('SIGKILL')
    await once(victim, 'exit')
    const startMs = performance.now()
    let slowestStaleMs = 0
    while (loads === 0) {
      const beganMs = performance.now()
      const { state } = await client.getOrSetEntry(key, loader, policy)
      const tookMs = performance.now() - beganMs
      if (state === 'stale') slowestStaleMs = Math.max(slowestStaleMs, tookMs)
      await sleep(READ_GAP_MS)
    }
    await sleep(200)
    return { recoveredMs: loadedMs - startMs, loads, slowestStaleMs }
  } finally {
    await client.close()
  }
}
