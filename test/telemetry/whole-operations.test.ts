import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as otel from '@opentelemetry/api'
import type { MemcachedClient } from '../../src/client/client.ts'
import { skipWithoutMeta } from '../support/memcached.ts'
import { scraped, startWatched, sum, Tally } from './observer.ts'

const skip = skipWithoutMeta()
const POLICY = { ttl: 60, staleWhileRevalidate: 60, jitter: 0 } as const
const load = (): string => 'value'

/** Enough keys that both hosts have some. */
const ABSENT = Array.from({ length: 30 }, (_, i) => `absent:${i}`)

/** How many operations are reported: `getOrSet` is one, however many commands it sends. */
const COMMANDS: Record<string, number> = {
  'add ok': 1,
  'add refused': 2,
  'decr ok': 1,
  'get hit': 1,
  'get miss': 1,
  // getMany sends one batch to each of the two hosts.
  'get ok': 2,
  'getOrSet hit': 1,
  'getOrSet miss': 3,
  'getOrSet stale': 2,
  'incr ok': 2,
  'invalidate ok': 1,
  'invalidate refused': 1,
  'refresh ok': 1,
  'set ok': 1 + 4,
}
const BATCHES = { 'getMany hit': 1, 'invalidateTags ok': 3, 'warm ok': 1 }
const BATCH_KEYS = { getMany: 1 + ABSENT.length, invalidateTags: 2 + 1 + 1, warm: 4 }

async function drive(cache: MemcachedClient): Promise<void> {
  const tagged = { ...POLICY, tags: ['a', 'b'] }
  const refilled = (count: number): Promise<void> => until(() => loads(cache) === count)
  await cache.getOrSet('page', load, tagged)
  await cache.getOrSet('page', load, tagged)
  await cache.invalidateTags(['a', 'b'])
  await cache.getOrSet('page', load, tagged)
  await refilled(2)
  await cache.invalidateTags('a')
  await cache.getOrSet('page', load, tagged)
  await refilled(3)
  await cache.invalidateTags('b', { hard: true })
  await cache.getOrSet('page', load, tagged)
  await cache.refresh('page', load, tagged)
  assert.equal(await cache.add('new', 'value'), true)
  assert.equal(await cache.add('new', 'other'), false)
  assert.equal(await cache.incr('count', 2, { initial: 5 }), 5n)
  assert.equal(await cache.incr('count', 2, { initial: 5 }), 7n)
  assert.equal(await cache.decr('count', 2, { initial: 5 }), 5n)
  await cache.warm(['w0', 'w1', 'w2', 'w3'], load)
  await driveView(cache)
}

async function driveView(cache: MemcachedClient): Promise<void> {
  const view = cache.view({
    keys: { wireKey: (key) => `view:${key}`, routeKey: (key) => key },
    codec: {
      encode: (value) => ({ body: String(value), flags: 0 }),
      decode: (_flags, body) => body.valueString(),
    },
  })
  await view.set('a', 'value')
  await view.get('a')
  await view.get('none')
  await view.add('a', 'value')
  await view.getManyDetailed(['a', ...ABSENT])
  await view.getOrSetEntry('page', load, POLICY)
  await view.invalidate('page')
  await view.invalidate('none')
}

const loads = (cache: MemcachedClient): number => cache.refillCounters.refills.ok

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 4_000 && !isTrue(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.ok(isTrue())
}

test('a call that sends several commands is reported as one operation, to every observer', {
  skip,
}, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, { requestTimeoutMs: 5000 })
  await drive(cache)
  await until(() => seen.commands.of('invalidate refused') === 1)
  const counts = await seen.measured()
  const text = seen.metrics.text()
  assert.deepEqual(seen.commands.all, COMMANDS)
  const durations = 'mintring_command_duration_seconds_count'
  assert.deepEqual(scraped(text, durations, 'command', 'outcome'), COMMANDS)
  assert.equal(counts.of('db.client.operation.duration'), sum(COMMANDS))
  assert.deepEqual(scraped(text, 'mintring_batches_total', 'command', 'outcome'), BATCHES)
  assert.deepEqual(scraped(text, 'mintring_batch_keys_total', 'command'), BATCH_KEYS)
  const [told, batches] = [new Tally(), new Tally()]
  for (const { attributes, kind } of seen.spans.getFinishedSpans()) {
    const tally = kind === otel.SpanKind.INTERNAL ? batches : told
    tally.add(`${attributes['db.operation.name']} ${attributes['mintring.outcome']}`)
  }
  assert.deepEqual([told.all, batches.all], [COMMANDS, BATCHES])
  assert.equal(counts.of('mintring.cache.hits'), 1 + 3 + 1)
  assert.equal(counts.of('mintring.cache.misses'), 1 + 3 + ABSENT.length)
  const { states, refills } = cache.refillCounters
  assert.deepEqual(states, { fresh: 1, stale: 2, miss: 3 + 1, uncached: 0, bypass: 0 })
  assert.equal(refills.ok, 6)
  assert.deepEqual(seen.events.all, { refill: 6, stale: 2 })
  assert.deepEqual(seen.channelEvents.all, seen.events.all)
  const onWire = (verb: string): number =>
    proxies.reduce((all, proxy) => all + proxy.count(verb), 0)
  assert.equal(onWire('ms'), refills.ok)
  // An `incr` per tag and soft invalidation, a `set` per hard one, an `add` when a tag is created.
  assert.equal(onWire('incr'), 2 + 1)
  assert.equal(onWire('set'), 1 + 4 + 1)
  assert.equal(onWire('add'), 2 + 1 + 2)
  // `gets`: the check after a refused `add`. `ma`: three calls that create or change a counter.
  assert.equal(onWire('gets'), 2)
  assert.equal(onWire('ma'), 3)
})
