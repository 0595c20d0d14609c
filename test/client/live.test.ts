import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/test-cluster.ts'
import { serve } from './support.ts'

test('connections: a higher min opens connections to an open host, a lower max closes them', async (context) => {
  const { cache } = await serve(context, { connections: { min: 1, max: 1 } })
  const lanes = (): number => cache.hosts()[0]!.lanes
  await cache.set('k', 1)
  assert.equal(lanes(), 1)
  cache.configure({ connections: { min: 3, max: 5 } })
  await cache.get('k')
  await until(() => lanes() >= 3)
  cache.configure({ connections: { min: 1, max: 1, idleMs: 50 } })
  await until(() => lanes() === 1)
})

test('connections: after a change to min 0, all idle connections close, and the next get opens one', async (context) => {
  const { cache } = await serve(context, { connections: { min: 1, max: 2 } })
  await cache.set('k', 1)
  cache.configure({ connections: { min: 0, max: 2, idleMs: 50 } })
  await until(() => cache.hosts()[0]!.lanes === 0)
  assert.equal(await cache.get('k'), 1)
})

test('retryTimeoutMs: a shorter value brings the next probe of an ejected host forward', async (context) => {
  const { server, cache } = await serve(context, {
    ...{ retryTimeoutMs: 60_000, serverFailureLimit: 1, retries: 0, ejectLoneHost: true },
  })
  await cache.set('k', 1)
  await server.kill()
  await cache.get('k').catch(() => {})
  await until(() => cache.hosts()[0]!.state === 'ejected')
  assert.ok(cache.hosts()[0]!.nextProbeAtMs! > Date.now() + 30_000)
  await server.restart()
  cache.configure({ retryTimeoutMs: 100 })
  await until(() => cache.hosts()[0]!.state === 'up')
  await cache.set('k', 2)
})
