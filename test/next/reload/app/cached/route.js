import process from 'node:process'
import v8 from 'node:v8'
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
  return Response.json({ edit: await cache.get('edit'), loads, listeners, clients })
}
