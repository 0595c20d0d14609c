import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Difference } from '../ring/difference.ts'
import type { RemapShard } from '../simulate/remap-count.ts'
import type { WorkerMessage } from './remap-worker.ts'

// Beside this file, and as compiled or not as it is.
const worker = new URL(`./remap-worker${extname(import.meta.url)}`, import.meta.url)

/** Counts a shard on a worker thread of its own. */
export function runShard(
  shard: RemapShard,
  onProgress: (keysDone: number) => void,
  signal?: AbortSignal,
): Promise<Difference[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(worker, { workerData: shard })
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
      reject(new Error(`a worker thread ended with code ${code} before its answer`))
    })
  })
}
