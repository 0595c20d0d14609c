import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { type TestContext, test } from 'node:test'
import { startServer } from '../../src/embedded/server.ts'
import { called } from './support.ts'

const require = createRequire(import.meta.url)
const ElastiCache = require('memcached-elasticache')

type Discovering = NodeJS.EventEmitter & { end(): void }

/** Cache nodes, a configuration endpoint that lists them, and memcached-elasticache using both. */
async function discovering(context: TestContext, count: number) {
  const nodes = await Promise.all(Array.from({ length: count }, () => startServer()))
  const listed = nodes.map(({ port }) => `127.0.0.1|127.0.0.1|${port}`)
  const endpoint = await startServer({ cluster: listed })
  const client: Discovering = new ElastiCache(endpoint.address, { autoDiscoverInterval: 20 })
  context.after(async () => {
    client.end()
    await Promise.all([endpoint, ...nodes].map((server) => server.close()))
  })
  return { nodes, listed, endpoint, client }
}

test('memcached-elasticache discovers its nodes through mintring', async (context) => {
  const { nodes, listed, endpoint, client } = await discovering(context, 3)
  const [found] = await once(client, 'autoDiscover')
  assert.deepEqual(found, nodes.map((node) => node.address).sort())
  for (let i = 0; i < 60; i++) await called(client, 'set', `k${i}`, i, 60)
  for (const node of nodes) assert.ok(node.items > 0, `${node.address} has no items`)
  endpoint.setCluster(listed.slice(0, 2))
  const [left] = await once(client, 'autoDiscover')
  assert.equal(left.length, 2)
  assert.equal((await called(client, 'set', 'after', 'v', 60)).result, true)
})

test('memcached-elasticache gets an error when its endpoint is down', async (context) => {
  const { endpoint, client } = await discovering(context, 1)
  await once(client, 'autoDiscover')
  await endpoint.close()
  const [error] = await once(client, 'autoDiscoverFailure')
  assert.match(error.message, /ECONNREFUSED|not available/)
})
