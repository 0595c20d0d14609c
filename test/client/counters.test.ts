import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { BatchMessage, CommandMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/index.ts'
import type { RefillCounters } from '../../src/refill/tally.ts'
import { serve } from './support.ts'

/** Counts calls by state, and failed calls, in the messages on diagnostics channels. */
function recorded(context: TestContext): Record<string, number> {
  const counts: Record<string, number> = {}
  const add = (name: string, times = 1): void => {
    counts[name] = (counts[name] ?? 0) + times
  }
  const command = (told: unknown): void => {
    const { command: verb, state, error } = told as CommandMessage
    if (verb !== 'getOrSet' && verb !== 'refresh') return
    add(error === undefined ? state! : 'failed')
  }
  const batch = (told: unknown): void => {
    const { command: verb, failed } = told as BatchMessage
    if (verb === 'getOrSetMany') add('failed', failed)
  }
  const commands = tracingChannel('mintring:command').asyncEnd
  const batches = tracingChannel('mintring:batch').asyncEnd
  commands.subscribe(command)
  batches.subscribe(batch)
  context.after(() => {
    commands.unsubscribe(command)
    batches.unsubscribe(batch)
  })
  return counts
}

const counted = ({ states, failed }: RefillCounters): Record<string, number> => {
  const all = Object.entries({ ...states, failed }).filter(([, count]) => count > 0)
  return Object.fromEntries(all)
}

const policy = { ttl: 60, staleWhileRevalidate: 60 }
const load = async (): Promise<string> => 'value'
const fail = (): never => {
  throw new Error('no')
}
const never = (): Promise<never> => new Promise(() => {})

test('refillCounters count the same calls as the messages on diagnostics channels, whatever the outcome', async (context) => {
  const server = await startServer()
  const cache = new MemcachedClient(server.address)
  context.after(async () => {
    await cache.close({ drainMs: 0 })
    await server.close()
  })
  const counts = recorded(context)
  const settled = async (...calls: Promise<unknown>[]): Promise<void> => {
    await Promise.allSettled(calls)
  }
  const controller = new AbortController()
  const { signal } = controller

  await settled(cache.getOrSet('a', load, policy), cache.getOrSet('a', load, policy))
  await settled(...Array.from({ length: 5 }, () => cache.getOrSet('a', load, policy)))
  await settled(cache.getOrSet('a', load, { ...policy, timeoutMs: 1000 }))
  await settled(cache.getOrSetEntry('a', load, policy))
  await cache.invalidate('a')
  await settled(cache.getOrSet('a', load, policy))
  await settled(cache.refresh('a', load, policy), cache.refresh('r', load, policy))
  await settled(cache.getOrSet('bad', fail, policy), cache.getOrSet('bad', fail, policy))
  await settled(cache.refresh('bad', fail, policy))
  await settled(cache.getOrSet('slow', never, { ...policy, timeoutMs: 20 }))
  const aborted = cache.getOrSet('slow', never, { ...policy, signal })
  controller.abort()
  await settled(aborted, cache.getOrSet('slow', never, { ...policy, signal }))
  await settled(cache.getOrSet('a key', load, policy), cache.getOrSet('a', load, { ttl: -1 }))
  await settled(cache.getOrSet('a', 'no loader' as never, policy))
  await settled(cache.getOrSetMany(['a', 'a', 'bad'], fail, policy))
  await settled(cache.getOrSetMany(['a', 'bad key'], fail, policy))

  const { states, failed } = cache.refillCounters
  assert.equal(states.fresh, 5 + 1 + 1)
  assert.equal(states.stale, 1)
  assert.equal(failed, 3 + 3 + 3 + 2 + 2)
  assert.deepEqual(counted(cache.refillCounters), counts)
})

test('refillCounters include the calls of views', async (context) => {
  const { cache } = await serve(context)
  const counts = recorded(context)
  const view = cache.view({
    keys: { wireKey: (key) => `v:${key}`, routeKey: (key) => key },
    codec: {
      encode: (value) => ({ body: String(value), flags: 0 }),
      decode: (_flags, body) => body.valueString(),
    },
  })
  await view.getOrSetEntry('a', load, policy)
  await view.getOrSetEntry('a', load, policy)
  await view.refresh('a', load, policy)
  await assert.rejects(view.getOrSetEntry('bad', fail, policy))
  assert.deepEqual(counted(cache.refillCounters), { fresh: 1, miss: 2, failed: 1 })
  assert.deepEqual(counted(cache.refillCounters), counts)
})
