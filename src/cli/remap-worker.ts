import { parentPort, workerData } from 'node:worker_threads'
import { loadHash } from '../ring/hashes/registry.ts'
import { countShard, type RemapShard } from '../simulate/remap-count.ts'

/** What a worker thread of `mintring remap` says: progress in keys, and at last the differences. */
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

// A failure ends the thread with an error, which the other side reports.
void work()
