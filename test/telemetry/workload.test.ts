import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as otel from '@opentelemetry/api'
import { runCommandLine } from '../../src/cli/command-line.ts'
import type { MemcachedClient } from '../../src/client/client.ts'
import { ATTRIBUTES } from '../../src/integrations/otel-instruments.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import type { CountingProxy } from './counting-proxy.ts'
import { hostsOf, type Seen, scraped, startWatched, sum, Tally } from './observer.ts'

const times = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** Makes a fixed list of calls while no host fails, so that arithmetic gives every count. */
async function drive(cache: MemcachedClient): Promise<void> {
  const policy = { ttl: 60, staleWhileRevalidate: 60 }
  const fail = (): never => {
    throw new Error('no')
  }
  for (const key of times(20, 'k')) await cache.set(key, 'value')
  for (const key of times(30, 'k')) await cache.get(key)
  for (const key of times(5, 'k')) await cache.cas(key, 'other', 1n << 60n)
  for (const key of times(4, 'none')) await cache.gat(key, 60)
  for (const key of times(3, 'k')) await cache.incr(key).catch(() => {})
  await cache.setMany(new Map(times(10, 'many').map((key) => [key, false])))
  await cache.getMany([...times(10, 'many'), ...times(5, 'none')])
  await cache.deleteMany([...times(4, 'many'), ...times(2, 'none')])
  for (const key of times(8, 'page')) await cache.getOrSet(key, () => 'page', policy)
  for (const key of times(8, 'page')) await cache.getOrSet(key, () => 'page', policy)
  for (const key of times(3, 'page')) await cache.invalidate(key)
  for (const key of times(3, 'page')) await cache.getOrSet(key, () => 'page', policy)
  for (const key of times(2, 'bad')) await cache.getOrSet(key, fail, policy).catch(() => {})
  const loadMany = (keys: readonly string[]): Map<string, unknown> =>
    new Map(keys.map((key) => [key, false]))
  await cache.getOrSetMany([...times(8, 'page'), ...times(4, 'new')], loadMany, policy)
  await cache.warm(times(6, 'warm'), () => 'warm')
}

/** A batch has one part per host of its keys; which these are depends on the ports. */
const commandsOf = (cache: MemcachedClient): Record<string, number> => ({
  'cas refused': 5,
  'delete ok': hostsOf(cache, [...times(4, 'many'), ...times(2, 'none')]),
  'gat miss': 4,
  'get hit': 20,
  'get miss': 10,
  'get ok': hostsOf(cache, [...times(10, 'many'), ...times(5, 'none')]),
  'getOrSet hit': 8,
  'getOrSet loaderError': 2,
  'getOrSet miss': 8,
  'getOrSet stale': 3,
  'incr refused': 3,
  'invalidate ok': 3,
  'mg ok': hostsOf(cache, [...times(8, 'page'), ...times(4, 'new')]),
  'set ok': 20 + hostsOf(cache, times(10, 'many')) + 6,
})

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100))
}

const skip = skipWithoutMemcached()

test('every figure of a known workload equals what a counting proxy and arithmetic give', {
  skip,
}, async (context) => {
  const { servers, proxies, cache, seen } = await startWatched(context, {
    requestTimeoutMs: 5000,
    valueFlags: 'mintring',
  })
  await drive(cache)
  await settled()
  const counts = await seen.measured()
  checkCommands(seen, counts, commandsOf(cache))
  checkBatches(seen, counts)
  checkWire(seen, counts, proxies)
  checkRefills(seen, counts, cache, proxies)
  await checkCommandLine(servers.map(({ host, port }) => `${host}:${port}`))
})

/** Compares the commands that the channel, the metrics, the spans and the histogram counted. */
function checkCommands(
  { commands, metrics, spans, bytes }: Seen,
  counts: Tally,
  wanted: Record<string, number>,
): void {
  assert.deepEqual(commands.all, wanted)
  const durations = 'mintring_command_duration_seconds_count'
  assert.deepEqual(scraped(metrics.text(), durations, 'command', 'outcome'), wanted)
  const told = new Tally()
  for (const { name, attributes, kind } of spans.getFinishedSpans()) {
    if (kind === otel.SpanKind.INTERNAL) continue
    told.add(`${attributes['db.operation.name']} ${attributes['mintring.outcome']}`)
    assert.ok(name.includes('127.0.0.1:'), name)
    for (const attribute of Object.keys(attributes)) {
      assert.ok(
        ATTRIBUTES.some(([known]) => known === attribute),
        attribute,
      )
    }
  }
  assert.deepEqual(told.all, wanted)
  assert.equal(counts.of('db.client.operation.duration'), sum(wanted))
  const written = 20 * 'value'.length + 5 * 'other'.length + 6 * 'warm'.length
  const read = 20 * 'value'.length
  // Hits, misses and stale values of getOrSet, and the hits of getOrSetMany.
  const ofRefills = (8 + 8 + 3 + 8) * 'page'.length
  // setMany and getMany add ten values `false` each, and `false` is stored as one byte.
  assert.equal(bytes(), written + read + 2 * 10 * 1 + ofRefills)
}

function checkBatches({ metrics, spans }: Seen, counts: Tally): void {
  const batches = {
    'deleteMany refused': 1,
    'getMany hit': 1,
    'getOrSetMany hit': 1,
    'setMany ok': 1,
    'warm ok': 1,
  }
  const text = metrics.text()
  assert.deepEqual(scraped(text, 'mintring_batches_total', 'command', 'outcome'), batches)
  const told = new Tally()
  for (const { attributes, kind } of spans.getFinishedSpans()) {
    if (kind !== otel.SpanKind.INTERNAL) continue
    told.add(`${attributes['db.operation.name']} ${attributes['mintring.outcome']}`)
  }
  assert.deepEqual(told.all, batches)
  const hits = { deleteMany: 4, getMany: 10, getOrSetMany: 8, setMany: 10, warm: 6 }
  const keys = { deleteMany: 6, getMany: 15, getOrSetMany: 12, setMany: 10, warm: 6 }
  assert.deepEqual(scraped(text, 'mintring_batch_hits_total', 'command'), hits)
  assert.deepEqual(scraped(text, 'mintring_batch_keys_total', 'command'), keys)
  assert.equal(sum(scraped(text, 'mintring_batch_failed_keys_total', 'command')), 0)
  // The hits of get and getOrSet count too, also stale ones.
  assert.equal(counts.of('mintring.cache.hits'), 20 + 8 + 3 + 10 + 8)
  assert.equal(counts.of('mintring.cache.misses'), 10 + 4 + 8 + 5 + 4)
}

/** Compares the commands and connections that the proxies saw with what arithmetic gives. */
function checkWire({ metrics }: Seen, counts: Tally, proxies: readonly CountingProxy[]): void {
  assert.equal(onWire(proxies, 'get'), 30 + 15)
  assert.equal(onWire(proxies, 'set'), 20 + 10 + 6)
  assert.equal(onWire(proxies, 'cas'), 5)
  // Each of six keys is deleted on both hosts, and its lock too. Three invalidations delete the
  // lock, and mark the key and delete its lock on the fallback host.
  assert.equal(onWire(proxies, 'delete'), 2 * 2 * 6 + 3)
  assert.equal(onWire(proxies, 'gat'), 4)
  checkDials(metrics.text(), counts, proxies)
}

function checkDials(text: string, counts: Tally, proxies: readonly CountingProxy[]): void {
  const connects = scraped(text, 'mintring_connects_total', 'host', 'outcome')
  for (const { address, connections } of proxies) {
    assert.equal(connects[`${address} ok`], connections)
  }
  assert.equal(counts.of('db.client.connection.create_time'), sum(connects))
}

const onWire = (proxies: readonly CountingProxy[], verb: string): number =>
  proxies.reduce((all, proxy) => all + proxy.count(verb), 0)

/** Compares the refills that the client, the metrics, the events and the channel counted. */
function checkRefills(
  { events, channelEvents, metrics }: Seen,
  counts: Tally,
  cache: MemcachedClient,
  proxies: readonly CountingProxy[],
): void {
  const { states, refills, failed, staleFor } = cache.refillCounters
  assert.deepEqual(states, { fresh: 8 + 8, stale: 3, miss: 8 + 4, uncached: 0, bypass: 0 })
  assert.equal(failed, 2)
  const { ok, lost, uncached } = refills
  assert.deepEqual([ok, refills.failed, lost, uncached], [8 + 3 + 4, 2, 0, 0])
  // A failed load without a stale value also stores an item, which starts the errorBackoff.
  assert.equal(onWire(proxies, 'ms'), ok + refills.failed)
  const text = metrics.text()
  const reads = { failed: 2, fresh: 16, miss: 12, stale: 3 }
  assert.deepEqual(scraped(text, 'mintring_refill_reads_total', 'state'), reads)
  assert.deepEqual(scraped(text, 'mintring_refill_loads_total', 'outcome'), { failed: 2, ok: 15 })
  assert.equal(
    staleFor.reduce((all, { count }) => all + count, 0),
    3,
  )
  assert.deepEqual(scraped(text, 'mintring_refill_stale_seconds_count'), { '': 3 })
  const told = { refill: 15, refillError: 2, stale: 3 }
  assert.deepEqual(events.all, told)
  assert.deepEqual(channelEvents.all, told)
  assert.deepEqual(scraped(text, 'mintring_refill_events_total', 'event'), told)
  assert.equal(counts.of('mintring.refill.events'), sum(told))
}

/** Compares the number of items that `mintring stats` reads from the servers. */
async function checkCommandLine(servers: readonly string[]): Promise<void> {
  let out = ''
  const said = (text: string): void => {
    out += text
  }
  const io = { out: said, err: said, isTTY: false, columns: 80, env: {} }
  await runCommandLine(['stats', '--servers', servers.join(), '--json'], io)
  const found = [...out.matchAll(/"curr_items":\s*"?(\d+)/g)]
  const items = found.reduce((all, [, count]) => all + Number(count), 0)
  // Each of the two keys whose load failed has two items: a placeholder and the recorded failure.
  assert.equal(items, 20 + (10 - 4) + 8 + 4 + 6 + 2 * 2)
}

test('an outage is counted the same by events, channels, metrics, OpenTelemetry and the proxy', {
  skip,
}, async (context) => {
  const { proxies, cache, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 1000, retryTimeoutMs: 100, serverFailureLimit: 1, retries: 1 },
  })
  const first = proxies[0]!
  const own = times(200, 'key').filter((key) => cache.locate(key).server === first.address)
  let calls = 0
  const askUntil = async (name: 'eject' | 'return'): Promise<void> => {
    let isOver = false
    cache.on(name, () => {
      isOver = true
    })
    while (!isOver) {
      await cache.get(own[calls++ % own.length]!)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  for (const key of own.slice(0, 10)) await cache.get(key)
  calls += 10
  await first.cut()
  await askUntil('eject')
  await first.open()
  await askUntil('return')
  await settled()
  const { events, channelEvents, metrics, commands, spans } = seen
  const text = metrics.text()
  const counts = await seen.measured()
  for (const [event, metric, instrument] of [
    ['eject', 'mintring_ejections_total', 'mintring.host.ejections'],
    ['return', 'mintring_returns_total', 'mintring.host.returns'],
  ] as const) {
    assert.equal(events.of(event), 1)
    assert.equal(channelEvents.of(event), 1)
    assert.deepEqual(scraped(text, metric, 'host'), { [first.address]: 1 })
    assert.equal(counts.of(instrument), 1)
  }
  const probes = events.of('probe')
  assert.ok(probes > 0)
  assert.equal(channelEvents.of('probe'), probes)
  assert.equal(sum(scraped(text, 'mintring_probes_total', 'host')), probes)
  assert.deepEqual(commands.all, { 'get miss': calls })
  assert.equal(sum(scraped(text, 'mintring_command_duration_seconds_count', 'host')), calls)
  assert.equal(spans.getFinishedSpans().length, calls)
  assert.equal(counts.of('db.client.operation.duration'), calls)
  assert.equal(counts.of('mintring.cache.misses'), calls)
  checkDials(text, counts, proxies)
})

test('calls to hosts that hang are counted once each as errors with their code', {
  skip,
}, async (context) => {
  const { proxies, cache, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 20_000, connectTimeoutMs: 20_000, retryTimeoutMs: 20_000 },
    ...{ retries: 1, autoEjectHosts: false },
  })
  await cache.setMany({ a: 1, b: 2 })
  // The short timeout starts only here: on a busy machine the preparation may take longer.
  cache.configure({ requestTimeoutMs: 100 })
  for (const proxy of proxies) proxy.isSilent = true
  const slow = await Promise.allSettled(times(7, 'k').map((key) => cache.get(key)))
  assert.ok(slow.every(({ status }) => status === 'rejected'))
  const { commands, metrics, spans } = seen
  assert.equal(commands.of('get error'), 7)
  const codes = spans.getFinishedSpans().map(({ attributes }) => attributes['error.type'])
  assert.equal(codes.filter((code) => code === 'MINTRING_TIMEOUT').length, 7)
  const outcomes = scraped(metrics.text(), 'mintring_command_duration_seconds_count', 'outcome')
  assert.equal(outcomes.error, 7)
})
