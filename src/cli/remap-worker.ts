import { parentPort, workerData } from 'node:worker_threads'
import { loadHash } from '../ring/hashes/registry.ts'
import { countShard, type RemapShard } from '../simulate/remap-count.ts'

/**
 * The messages of a worker thread of `mintring remap`: its progress in keys, and finally the
 * result.
 */
export type WorkerMessage =
  | { readonly keysDone: number }
  | { readonly differences: ReturnType<typeof countShard> }

const port = parentPort

async function work(): Promise<void> {
  const shard: RemapShard = workerData
  await Promise.all([loadHash('xxh32'), loadHash('xxh64')])
  const say = (message: WorkerMessage): void => port?.postMessage(message)
  const differences = countShard(shard, (keysDone) => say({ keysDone }))
  say({ differences })
}

// A rejection ends the thread with an error event, which runShard() reports.
void work()
