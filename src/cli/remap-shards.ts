import { Worker } from 'node:worker_threads'
import type { Difference } from '../ring/difference.ts'
import type { RemapShard } from '../simulate/remap-count.ts'
import type { WorkerMessage } from './remap-worker.ts'

const worker = new URL('./remap-worker.js', import.meta.url)

/**
 * Whether worker threads can run: Node 20 cannot load the uncompiled files of this program on one.
 */
export const threadsAvailable: boolean = import.meta.url.endsWith('.js')

/** How to start a thread and follow its progress. */
export interface ShardOptions {
  readonly onProgress: (keysDone: number) => void
  readonly signal?: AbortSignal | undefined
  readonly start?: ((shard: RemapShard) => Worker) | undefined
}

/** Counts a shard on a worker thread. */
export function runShard(shard: RemapShard, options: ShardOptions): Promise<Difference[]> {
  const { onProgress, signal, start = startThread } = options
  return new Promise((resolve, reject) => {
    const thread = start(shard)
    const stop = (): void => {
      void thread.terminate()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', stop, { once: true })
    thread.on('message', (message: WorkerMessage) => {
      if ('keysDone' in message) onProgress(message.keysDone)
      else resolve(message.differences)
    })
    thread.on('error', reject)
    thread.on('exit', (code) => {
      signal?.removeEventListener('abort', stop)
      reject(new Error(`a worker thread ended with code ${code} before its result`))
    })
  })
}

function startThread(shard: RemapShard): Worker {
  return new Worker(worker, { workerData: shard })
}
