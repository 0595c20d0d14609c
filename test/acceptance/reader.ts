import process from 'node:process'
import { MemcachedClient } from '../../src/client/client.ts'

/** The message by which the parent process tells a reader process which key to read, and how. */
export interface ReadOrder {
  readonly key: string
  readonly readers: number
  readonly loaderMs: number
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly lease: number
}

/** A message of a reader process: its loader was called (sent at once), or its readers are done. */
export type ReaderNews =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loading' }
  | {
      readonly kind: 'done'
      readonly values: readonly string[]
      readonly errors: readonly string[]
      readonly slowestMs: number
      readonly medianMs: number
    }

const cache = new MemcachedClient(process.argv.slice(2), { requestTimeoutMs: 1_000 })

function tell(news: ReaderNews): void {
  process.send?.(news)
}

async function read(order: ReadOrder): Promise<void> {
  const { key, loaderMs, readers, ttl, staleWhileRevalidate, lease } = order
  const load = async (): Promise<string> => {
    tell({ kind: 'loading' })
    await new Promise((wake) => setTimeout(wake, loaderMs))
    return `${key} by ${process.pid}`
  }
  const values = new Set<string>()
  const errors: string[] = []
  const timesMs: number[] = []
  const one = async (): Promise<void> => {
    const startMs = performance.now()
    try {
      values.add(await cache.getOrSet(key, load, { ttl, staleWhileRevalidate, lease }))
    } catch (error) {
      errors.push(String(error))
    }
    timesMs.push(performance.now() - startMs)
  }
  await Promise.all(Array.from({ length: readers }, one))
  timesMs.sort((a, b) => a - b)
  const slowestMs = timesMs.at(-1) ?? 0
  const medianMs = timesMs[timesMs.length >> 1] ?? 0
  tell({ kind: 'done', values: [...values], errors, slowestMs, medianMs })
}

process.on('message', (order: ReadOrder) => void read(order))
process.on('disconnect', () => void cache.close())
// Connects before the first read, like a service that has been running for a while.
void cache.version().then(() => tell({ kind: 'ready' }))
