import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { runShard } from '../../src/cli/remap-shards.ts'
import { countShard, type RemapShard } from '../../src/simulate/remap-count.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const shard: RemapShard = {
  servers: ['a', 'b', 'c', 'd'],
  trials: [
    ['a', 'b', 'c'],
    ['b', 'c', 'd'],
  ],
  placing: { distribution: 'ketama', hash: 'xxh64' },
  options: {},
  keyFormat: 'key:%d',
  from: 1000,
  to: 201_000,
}

/** A worker thread that runs the program; its TypeScript is compiled when it is loaded. */
function start(workerData: RemapShard): Worker {
  const file = new URL('../../src/cli/remap-worker.ts', import.meta.url).href
  const code = `import('${TYPESCRIPT[1]}').then(() => import('${file}'))`
  return new Worker(code, { eval: true, workerData, execArgv: [] })
}

describe('a worker thread of mintring remap', () => {
  it('counts what the main thread would count, and reports its progress', async () => {
    let keys = 0
    const onProgress = (keysDone: number): void => {
      keys += keysDone
    }
    assert.deepEqual(await runShard(shard, { onProgress, start }), countShard(shard))
    assert.equal(keys, 200_000)
  })

  it('rejects with its error when it fails', async () => {
    const broken = { ...shard, servers: [] }
    await assert.rejects(runShard(broken, { onProgress: () => {}, start }), /at least one server/)
  })

  it('ends when the signal aborts, and rejects with its reason', async () => {
    const controller = new AbortController()
    const endless = { ...shard, to: 10_000_000_000 }
    const onProgress = (): void => controller.abort(new Error('enough'))
    await assert.rejects(
      runShard(endless, { onProgress, start, signal: controller.signal }),
      /enough/,
    )
  })
})
