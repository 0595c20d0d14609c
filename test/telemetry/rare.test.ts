import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { EVENT_NAMES } from '../../src/client/events.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { ATTRIBUTES, INSTRUMENTS } from '../../src/integrations/otel-instruments.ts'
import { root } from '../house/sources.ts'
import { skipWithoutMemcached } from '../support/memcached.ts'
import { type Seen, scraped, startWatched, sum, Tally } from './observer.ts'

const skip = skipWithoutMemcached()
const load = async (): Promise<string> => 'loaded'
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('rare refill events are counted once, by every observer', { skip }, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 2000, onError: 'miss', maxOwedKeys: 1, retryTimeoutMs: 5000 },
  })
  const other = new MemcachedClient(proxies.map(({ address }) => address))
  context.after(() => other.close())
  const policy = { ttl: 60, staleWhileRevalidate: 60 }
  await cache.set('warm-up', 1)

  const olderLoad = async (): Promise<string> => {
    await other.invalidate('lost')
    return 'older'
  }
  await cache.getOrSet('lost', olderLoad, policy)
  await other.set('broken', { a: 1 })
  const { flags } = (await other.gets('broken'))!
  await other.raw('broken', 'ms', 'broken', 3, `F${flags}`, Buffer.from('{"a'))
  await cache.getOrSet('broken', load, policy)
  await cache.getOrSet('large', () => 'x'.repeat(3_000_000), policy)
  // Another client wins the lease, and dies.
  await other.meta.mg('dead', { N: 2, v: true })
  await cache.getOrSet('dead', load, { ...policy, lease: 2, waitTimeoutMs: 20_000 })
  const slowLoad = (): Promise<string> =>
    new Promise((resolve) => setTimeout(resolve, 1500, 'slow'))
  await cache.getOrSet('slow', slowLoad, { ...policy, lease: 2 })
  const others = other.getOrSet('others', slowLoad, policy)
  await pause(100)
  await Promise.all([others, cache.getOrSet('others', load, policy)])
  const endless = (): Promise<never> => new Promise(() => {})
  await assert.rejects(cache.getOrSet('endless', endless, { ...policy, loaderTimeoutMs: 50 }))
  await Promise.all([cache.getOrSet('twice', load, policy), cache.getOrSet('twice', load, policy)])
  cache.configure({ hashWithPrefixKey: true })
  await pause(20)
  for (const proxy of proxies) await proxy.cut()
  assert.equal(await cache.get('warm-up'), undefined)
  await cache.getOrSet('away', load, policy)
  await pause(50)

  const told = {
    ...{ leaseLost: 1, unreadable: 1, valueTooLarge: 1, leaseTakenOver: 1, bypass: 1 },
  }
  const text = seen.metrics.text()
  const counts = await seen.measured()
  const events = scraped(text, 'mintring_refill_events_total', 'event')
  for (const [event, times] of Object.entries(told)) {
    assert.equal(seen.events.of(event), times, event)
    assert.equal(seen.channelEvents.of(event), times, event)
    assert.equal(events[event], times, event)
  }
  assert.equal(counts.of('mintring.refill.events'), sum(events))
  assert.equal(seen.events.of('configure'), 1)
  assert.equal(seen.channelEvents.of('configure'), 1)
  assert.equal(seen.events.of('warning'), 1)
  const { states, refills, takenOver, unreadable, coalesced, polls, renewals } =
    cache.refillCounters
  assert.equal(states.bypass, 1)
  assert.equal(refills.lost, 1)
  assert.equal(refills.timedOut, 1)
  assert.ok(renewals >= 1 && renewals <= 3, String(renewals))
  assert.deepEqual([takenOver, unreadable, coalesced], [1, 1, 1])
  assert.ok(polls > 0)
  assert.deepEqual(scraped(text, 'mintring_refill_takeovers_total'), { '': takenOver })
  assert.deepEqual(scraped(text, 'mintring_refill_coalesced_total'), { '': coalesced })
  assert.deepEqual(scraped(text, 'mintring_refill_polls_total'), { '': polls })
  assert.deepEqual(scraped(text, 'mintring_forgiven_errors_total'), { '': cache.forgivenErrors })
  assert.equal(cache.forgivenErrors, 1)
  checkSpans(seen, [cache, other])
})

/** Checks the spans: refilling calls have their state, and plain calls their attempts. */
function checkSpans({ spans }: Seen, clients: readonly MemcachedClient[]): void {
  const told = new Tally()
  for (const { attributes } of spans.getFinishedSpans()) {
    const state = attributes['mintring.refill.state']
    if (state !== undefined) told.add(String(state))
    const isPlain = ['get', 'set'].includes(String(attributes['db.operation.name']))
    if (isPlain) assert.ok(Number(attributes['mintring.attempts']) >= 1)
  }
  const counted = new Tally()
  for (const { refillCounters } of clients) {
    for (const [state, count] of Object.entries(refillCounters.states)) counted.add(state, count)
  }
  assert.deepEqual(told.all, counted.all)
}

test('the gauges of a host equal what its proxy counted and what arithmetic gives', {
  skip,
}, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 1000, retries: 0, connections: { min: 1, max: 1 } },
    ...{ autoEjectHosts: false },
  })
  const gauge = (name: string): Record<string, number> =>
    scraped(seen.metrics.text(), `mintring_host_${name}`, 'host')
  const addresses = proxies.map(({ address }) => address)
  const perHost = (value: number): Record<string, number> =>
    Object.fromEntries([...addresses].sort().map((address) => [address, value]))
  const keys = addresses.map((address) => {
    const all = Array.from({ length: 1000 }, (_, i) => `key${i}`)
    return all.filter((key) => cache.locate(key).server === address).slice(0, 5)
  })
  assert.deepEqual(gauge('connections'), {})
  const first = keys.flat().map((key) => cache.get(key))
  assert.deepEqual(gauge('queued'), perHost(5))
  await Promise.all(first)
  assert.deepEqual(gauge('up'), perHost(1))
  assert.deepEqual(gauge('connections'), perHost(1))
  assert.deepEqual(
    proxies.map(({ connections }) => connections),
    [1, 1],
  )
  for (const proxy of proxies) proxy.isSilent = true
  const slow = keys.flat().map((key) => cache.get(key).catch(() => 'failed'))
  await pause(100)
  assert.deepEqual(gauge('in_flight'), perHost(5))
  assert.deepEqual(gauge('queued'), {})
  assert.deepEqual(await Promise.all(slow), Array(10).fill('failed'))
  assert.deepEqual(gauge('in_flight'), {})
  const failures = Object.fromEntries(cache.hosts().map(({ name, failures }) => [name, failures]))
  assert.ok(Object.values(failures).every((count) => count > 0))
  assert.deepEqual(gauge('failures'), failures)
  const { failed } = await cache.getManyDetailed(keys.flat())
  assert.equal(failed.size, 10)
  const failedKeys = scraped(seen.metrics.text(), 'mintring_batch_failed_keys_total', 'command')
  assert.deepEqual(failedKeys, { getMany: 10 })
})

test('deletes dropped because a host was out too long are reported once, by every observer', {
  skip,
}, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 1000, retryTimeoutMs: 100, serverFailureLimit: 1, maxOwedKeys: 1 },
  })
  const [first] = proxies
  const own = Array.from({ length: 1000 }, (_, i) => `key${i}`)
    .filter((key) => cache.locate(key).server === first!.address)
    .slice(0, 20)
  for (const key of own) await cache.set(key, 1)
  const returned = new Promise((resolve) => cache.on('return', resolve))
  await first!.cut()
  for (const key of own) await cache.delete(key)
  await first!.open()
  await returned
  for (const key of own) assert.equal(await cache.get(key), undefined)
  await pause(50)
  const events = scraped(seen.metrics.text(), 'mintring_refill_events_total', 'event')
  assert.equal(seen.events.of('invalidationsLost'), 1)
  assert.equal(seen.channelEvents.of('invalidationsLost'), 1)
  assert.equal(events.invalidationsLost, 1)
})

test('mintring_host_owed is the number of keys that changed while the host was ejected', {
  skip,
}, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, {
    ...{ requestTimeoutMs: 1000, retryTimeoutMs: 60_000, serverFailureLimit: 1 },
  })
  const [first] = proxies
  const own = Array.from({ length: 1000 }, (_, i) => `key${i}`)
    .filter((key) => cache.locate(key).server === first!.address)
    .slice(0, 20)
  for (const key of own) await cache.set(key, 1)
  await first!.cut()
  for (const key of own) await cache.set(key, 2)
  const owed = scraped(seen.metrics.text(), 'mintring_host_owed', 'host')
  assert.deepEqual(owed[first!.address], own.length)
})

test('setServers with a handover reports each phase once, to every observer', {
  skip,
}, async (context) => {
  const { cache, proxies, seen } = await startWatched(context, { requestTimeoutMs: 2000 })
  const [first, second] = proxies.map(({ address }) => address)
  const phases: string[] = []
  const ended = new Promise<void>((resolve) => {
    cache.on('handover', ({ phase }) => {
      phases.push(phase)
      if (phase === 'end') resolve()
    })
  })
  await cache.set('k', 1)
  cache.setServers([first!, `${second}:3`], { handover: 2, announce: 1 })
  await ended
  await pause(20)
  assert.deepEqual(phases, ['announce', 'move', 'end'])
  assert.equal(seen.events.of('handover'), 3)
  assert.equal(seen.channelEvents.of('handover'), 3)
  assert.equal(seen.events.of('configure'), 1)
})

/** The names of everything published by a client, its metrics and its spans. */
function names(): string[] {
  const cache = new MemcachedClient('127.0.0.1:1')
  const metrics = new Metrics([cache])
  const families: string[] = []
  metrics.register({ registerMetric: ({ name }: { name: string }) => families.push(name) } as never)
  metrics.close()
  const counters = Object.entries(cache.refillCounters).flatMap(([name, value]) => {
    const isGroup = typeof value === 'object' && !Array.isArray(value)
    return isGroup ? Object.keys(value) : [name]
  })
  const instruments = INSTRUMENTS.map(({ name }) => name)
  const attributes = ATTRIBUTES.map(([name]) => name)
  return [...EVENT_NAMES, ...families, ...instruments, ...attributes, ...counters]
}

test('every published figure is compared with an independent count', () => {
  const folder = join(root, 'test/telemetry')
  const tests = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
  const text = tests.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
  // Tests name gauges by the end of their name, such as `owed`.
  const isChecked = (name: string): boolean => {
    const word = name.replace(/^mintring_host_/, '').replaceAll('.', '\\.')
    // Tests name a histogram by its series `_count`.
    return new RegExp(`(?<!\\w)${word}(?:_count)?(?![\\w.])`).test(text)
  }
  assert.deepEqual(
    names().filter((name) => !isChecked(name)),
    [],
  )
})
