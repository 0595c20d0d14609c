// The origin: a SQLite file behind one connection, in a separate thread, so that it is slow in the
// same way as a database on another machine.
import { once } from 'node:events'
import process from 'node:process'
import { Worker } from 'node:worker_threads'

/**
 * Starts the database. `report(category)` is expensive; `calls` lists when it was called for what.
 */
export async function openOrigin() {
  const worker = new Worker(new URL('./database.js', import.meta.url))
  const waiting = new Map()
  const calls = []
  let next = 0
  await once(worker, 'message')
  worker.on('message', ({ id, report }) => {
    waiting.get(id)(report)
    waiting.delete(id)
  })
  worker.unref()
  return {
    calls,
    report(category) {
      const id = next++
      calls.push({ category, atMs: Date.now() })
      if (process.env.TELL_ORIGIN_CALLS) console.log(`origin ${Date.now()}`)
      worker.postMessage({ id, category })
      return new Promise((resolve) => waiting.set(id, resolve))
    },
  }
}
