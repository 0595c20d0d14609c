import process from 'node:process'
import v8 from 'node:v8'
import vm from 'node:vm'
import { cache, loads } from '../../cache.js'

export const dynamic = 'force-dynamic'

/**
 * The clients of this process. `?count`: also clients that were left behind, which takes a while.
 */
export async function GET({ url }) {
  await cache.set('edit', loads, { ttl: 60 })
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  const isCounted = new URL(url).searchParams.has('count')
  const clients = isCounted ? v8.queryObjects(cache.constructor, { format: 'count' }) : undefined
  const heapBytes = isCounted ? heapAfterCollection() : undefined
  return Response.json({ edit: await cache.get('edit'), loads, listeners, clients, heapBytes })
}

function heapAfterCollection() {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc')
  for (let i = 0; i < 3; i++) collect()
  return process.memoryUsage().heapUsed
}
