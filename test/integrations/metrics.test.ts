import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { Counter, Histogram, prometheusText } from '../../src/integrations/prometheus-text.ts'
import { serve } from '../client/support.ts'

async function measured(context: TestContext) {
  const { server, cache } = await serve(context, {
    ...{ retries: 0, connectTimeoutMs: 10_000, requestTimeoutMs: 10_000 },
  })
  const metrics = new Metrics([cache])
  context.after(() => metrics.close())
  return { server, cache, metrics, has: (line: string) => metrics.text().includes(`${line}\n`) }
}

test('Metrics writes the Prometheus text format: cumulative buckets, escaped labels', () => {
  const histogram = new Histogram([1, 5])
  for (const value of [0.5, 1, 3, 9]) histogram.observe({ path: 'a"b\\c\nd' }, value)
  const counter = new Counter()
  counter.add({})
  counter.add({}, 4)
  const text = prometheusText([
    { name: 'm_seconds', type: 'histogram', help: 'Help.', samples: histogram.samples },
    { name: 'm_total', type: 'counter', help: 'Help.', samples: counter.samples },
    { name: 'm_none', type: 'gauge', help: 'Help.', samples: [] },
  ])
  const path = 'path="a\\"b\\\\c\\nd"'
  assert.equal(
    text,
    `# HELP m_seconds Help.
# TYPE m_seconds histogram
m_seconds_bucket{${path},le="1"} 2
m_seconds_bucket{${path},le="5"} 3
m_seconds_bucket{${path},le="+Inf"} 4
m_seconds_sum{${path}} 13.5
m_seconds_count{${path}} 4
# HELP m_total Help.
# TYPE m_total counter
m_total 5
`,
  )
})

test('Metrics times commands by verb, host and outcome', async (context) => {
  const { server, cache, has } = await measured(context)
  await cache.set('k', 1)
  await cache.get('k')
  await cache.get('k')
  await cache.get('none')
  const host = server.address
  const count = (command: string, outcome: string, times: number) => {
    const labels = `command="${command}",host="${host}",outcome="${outcome}"`
    return has(`mintring_command_duration_seconds_count{${labels}} ${times}`)
  }
  assert.ok(count('set', 'ok', 1))
  assert.ok(count('get', 'hit', 2))
  assert.ok(count('get', 'miss', 1))
})

test('Metrics counts batches, connections and hosts', async (context) => {
  const { server, cache, has } = await measured(context)
  await cache.setMany({ a: 1, b: 2 })
  assert.ok(has('mintring_batches_total{command="setMany",outcome="ok"} 1'))
  assert.ok(has('mintring_batch_keys_total{command="setMany"} 2'))
  await cache.getMany(['a', 'c'])
  assert.ok(has('mintring_batch_hits_total{command="getMany"} 1'))
  assert.ok(has('mintring_batch_failed_keys_total{command="getMany"} 0'))
  assert.ok(has(`mintring_host_up{host="${server.address}"} 1`))
  assert.ok(has(`mintring_host_in_flight{host="${server.address}"} 0`))
})

test('Metrics reads the refill counters of its clients', async (context) => {
  const { cache, has } = await measured(context)
  const load = () => 'page'
  await cache.getOrSet('page', load, { ttl: 60 })
  await cache.getOrSet('page', load, { ttl: 60 })
  assert.ok(has('mintring_refill_reads_total{state="fresh"} 1'))
  assert.ok(has('mintring_refill_loads_total{outcome="ok"} 1'))
})

test('Metrics shows an ejected host as down, and counts its ejection', async (context) => {
  const { server, cache, has } = await measured(context)
  cache.configure({ ejectLoneHost: true })
  const ejected = new Promise<void>((resolve) => cache.on('eject', () => resolve()))
  await server.kill()
  const asking = setInterval(() => void cache.get('k').catch(() => undefined), 10)
  await ejected
  clearInterval(asking)
  assert.ok(has(`mintring_host_up{host="${server.address}"} 0`))
  assert.ok(has(`mintring_ejections_total{host="${server.address}"} 1`))
})

test('Metrics shows a single host that refuses connections as down, though it is not ejected', async (context) => {
  const { server, cache, has } = await measured(context)
  await cache.get('k')
  assert.ok(has(`mintring_host_up{host="${server.address}"} 1`))
  await server.kill()
  while (cache.hosts()[0]!.failures === 0) await cache.get('k').catch(() => undefined)
  assert.ok(has(`mintring_host_up{host="${server.address}"} 0`))
  assert.ok(has(`mintring_ejections_total{host="${server.address}"} 0`))
})

test('Metrics counts a connection as ok only when the host has replied, and no host of a closed client as up', async (context) => {
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const cache = new MemcachedClient(host, { connectTimeoutMs: 50, retries: 0 })
  const metrics = new Metrics([cache])
  const has = (line: string): boolean => metrics.text().split('\n').includes(line)
  context.after(async () => {
    metrics.close()
    await cache.close()
    silent.close()
  })
  await assert.rejects(cache.get('k'))
  while (cache.hosts()[0]!.failures === 0) await cache.get('k').catch(() => undefined)
  assert.ok(has(`mintring_connects_total{host="${host}",outcome="ok"} 0`))
  assert.match(metrics.text(), /connects_total\{[^}]*outcome="error"\} [1-9]/)
  assert.ok(has(`mintring_host_up{host="${host}"} 0`))
  await cache.close()
  assert.doesNotMatch(metrics.text(), /mintring_host_up\{/)
})

test('Metrics drops the series of a host that left the list, and no other', async (context) => {
  const { server, cache, metrics } = await measured(context)
  const other = await startServer()
  context.after(() => other.close())
  cache.setServers([server.address, other.address], { handover: 0 })
  for (let index = 0; index < 50; index++) await cache.get(`key:${index}`)
  assert.ok(metrics.text().includes(`host="${other.address}"`))
  cache.setServers([server.address], { handover: 0 })
  assert.ok(!metrics.text().includes(`host="${other.address}"`))
  assert.match(metrics.text(), new RegExp(`_count{command="get",host="${server.address}"`))
})

test('Metrics keeps the series of a host that one client left and another still uses', async (context) => {
  const { server, cache: leaver } = await serve(context, { retries: 0 })
  const other = await startServer()
  const stayer = new MemcachedClient([server.address, other.address])
  const metrics = new Metrics([leaver, stayer])
  context.after(async () => {
    metrics.close()
    await stayer.close()
    await other.close()
  })
  leaver.setServers([server.address, other.address], { handover: 0 })
  for (let index = 0; index < 100; index++) {
    await leaver.set(`a:${index}`, 1)
    await stayer.set(`b:${index}`, 1)
  }
  const counts = (): string[] =>
    metrics
      .text()
      .split('\n')
      .filter((line) => /^mintring_(command|connects|ejections).*_(count|total)/.test(line))
  const before = counts()
  const host = `host="${other.address}"`
  assert.ok(before.some((line) => line.includes(host)))
  leaver.setServers([server.address], { handover: 0 })
  assert.deepEqual(counts(), before)
  stayer.setServers([server.address], { handover: 0 })
  assert.ok(!metrics.text().includes(`command="set",${host}`))
})

test('Metrics labels every series with the name of its client, and drops only the series of that client', async (context) => {
  const { server, cache: pages } = await serve(context)
  const other = await startServer()
  const sessions = new MemcachedClient([server.address, other.address])
  const metrics = new Metrics({ pages, sessions })
  context.after(async () => {
    metrics.close()
    await sessions.close()
    await other.close()
  })
  pages.setServers([server.address, other.address], { handover: 0 })
  for (let index = 0; index < 50; index++) {
    await pages.get(`k:${index}`)
    await sessions.get(`k:${index}`)
  }
  await pages.getMany(['k'])
  await pages.getOrSet('page', () => 'x', { ttl: 60 })
  for (const line of metrics.text().split('\n')) {
    if (line.startsWith('mintring')) assert.match(line, /[{,]client="(pages|sessions)"[,}]/)
  }
  const series = (client: string): RegExp =>
    new RegExp(`client="${client}",command="get",host="${other.address}"`)
  assert.match(metrics.text(), series('pages'))
  pages.setServers([server.address], { handover: 0 })
  assert.doesNotMatch(metrics.text(), series('pages'))
  assert.match(metrics.text(), series('sessions'))
})

test('Metrics limits the number of label sets, and counts the rest as other', () => {
  const counter = new Counter()
  for (let index = 0; index < 5000; index++) counter.add({ command: 'get', host: `h${index}` })
  const { samples } = counter
  assert.ok(samples.length <= 2001, `${samples.length}`)
  assert.equal(
    samples.reduce((sum, { value }) => sum + value, 0),
    5000,
  )
  assert.ok(samples.some(({ labels }) => labels.host === 'other'))
})

test('Metrics writes 0 for events that have not happened, so that a rate sees the first one', async (context) => {
  const { server, has } = await measured(context)
  assert.ok(has(`mintring_ejections_total{host="${server.address}"} 0`))
  assert.ok(has(`mintring_probes_total{host="${server.address}",outcome="error"} 0`))
  assert.ok(has('mintring_refill_events_total{event="invalidationsLost"} 0'))
})

test('Metrics distinguishes several clients', async (context) => {
  const { server, cache } = await serve(context)
  const metrics = new Metrics([cache, cache])
  context.after(() => metrics.close())
  assert.match(
    metrics.text(),
    new RegExp(`mintring_host_up{client="1",host="${server.address}"} 1`),
  )
})

test('Metrics never contain keys or values', async (context) => {
  const { cache, metrics } = await measured(context)
  await cache.set('secret-key', 'secret-value')
  await cache.getOrSet('secret-page', () => 'secret-value', { ttl: 60 })
  assert.doesNotMatch(metrics.text(), /secret/)
})

test('Metrics counts nothing after close', async (context) => {
  const { cache, metrics } = await measured(context)
  metrics.close()
  await cache.get('k')
  assert.doesNotMatch(metrics.text(), /mintring_command_duration/)
})

test('Metrics keeps the series of a host while one of very many clients uses it', (context) => {
  const metrics = new Metrics()
  context.after(() => metrics.close())
  const ended = channel('tracing:mintring:command:asyncEnd')
  const ids = Array.from({ length: 5000 }, (_, i) => String(i))
  for (const client of ids) {
    ended.publish({ command: 'get', client, host: 'a:1', outcome: 'hit', durationMs: 1 })
  }
  const changes = { servers: { from: ['a:1'], to: ['b:1'] } }
  for (const client of ids.slice(0, 4999)) {
    channel('mintring:configure').publish({ client, changes })
  }
  assert.match(metrics.text(), /mintring_command_duration_seconds_count\{.*"a:1".*\} 5000/)
})
