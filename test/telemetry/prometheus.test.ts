import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { AggregatorRegistry, Counter, type OpenMetricsContentType, Registry } from 'prom-client'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { neededCommand } from '../support/commands.ts'

const docs = new URL('../../docs/observability/', import.meta.url)

interface MetricOfWorker {
  readonly name: string
  readonly values: readonly { readonly value: number }[]
}

/** Servers and clients that stay open until all tests have ended. */
const opened: AsyncDisposable[] = []
after(async () => {
  for (const one of opened.reverse()) await one[Symbol.asyncDispose]()
})

async function someMetrics(): Promise<Metrics> {
  const server = await startServer()
  const cache = new MemcachedClient(server.address)
  opened.push(server, cache)
  const metrics = new Metrics([cache])
  await cache.set('k', 1)
  await cache.getMany(['k', 'none'])
  await cache.getOrSet('page', () => 'text', { ttl: 60 })
  return metrics
}

describe('the metrics in a registry of prom-client', () => {
  it('appear beside other metrics, with the default labels', async () => {
    const metrics = await someMetrics()
    const registry = new Registry()
    const own = new Counter({ name: 'requests_total', help: 'Requests.', registers: [registry] })
    own.inc(3)
    registry.setDefaultLabels({ app: 'shop' })
    metrics.register(registry)
    const text = await registry.metrics()
    metrics.close()
    assert.match(text, /^requests_total\{app="shop"\} 3$/m)
    assert.match(text, /^mintring_host_up\{host="127\.0\.0\.1:\d+",app="shop"\} 1$/m)
    assert.match(text, /^mintring_command_duration_seconds_bucket\{.*,le="0\.001",app="shop"\} /m)
    assert.match(text, /^mintring_batch_hits_total\{command="getMany",app="shop"\} 1$/m)
  })

  it('have the same values as without the registry, and later counts too', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const metrics = new Metrics([cache])
    const registry = new Registry()
    metrics.register(registry)
    await cache.set('k', 1)
    await cache.getMany(['k'])
    const lines = (text: string) => text.split('\n').filter((line) => /^mintring/.test(line))
    assert.deepEqual(lines(await registry.metrics()), lines(metrics.text()))
    assert.match(await registry.metrics(), /_count\{command="set".*\} 1/)
    metrics.close()
  })

  it('are valid OpenMetrics too', async () => {
    const metrics = await someMetrics()
    const registry = new Registry<OpenMetricsContentType>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    metrics.register(registry)
    for (const scrape of [await registry.metrics(), await registry.metrics()]) {
      assert.match(scrape, /^# TYPE mintring_batch_hits counter\nmintring_batch_hits_total\{/m)
      assert.match(scrape, /# EOF\n$/)
    }
    metrics.close()
  })

  it('of a cluster sum the workers; a host is up only if all workers say so', async () => {
    const metrics = await someMetrics()
    const registry = new Registry()
    metrics.register(registry)
    const one = (await registry.getMetricsAsJSON()) as unknown as MetricOfWorker[]
    metrics.close()
    const down = one.map((metric) =>
      metric.name === 'mintring_host_up'
        ? { ...metric, values: metric.values.map((sample) => ({ ...sample, value: 0 })) }
        : metric,
    )
    const text = await AggregatorRegistry.aggregate([one, down]).metrics()
    assert.match(text, /^mintring_host_up\{.*\} 0$/m)
    assert.match(text, /^mintring_batch_hits_total\{.*\} 2$/m)
  })
})

describe('promtool, the checker of Prometheus,', () => {
  it('finds no error in the text format', async (t) => {
    const promtool = neededCommand(t, 'promtool')
    if (promtool === undefined) return
    const metrics = await someMetrics()
    const input = metrics.text()
    metrics.close()
    passes(promtool, ['check', 'metrics'], input)
  })

  it('accepts the alert rules', (t) => {
    const promtool = neededCommand(t, 'promtool')
    if (promtool === undefined) return
    passes(promtool, ['check', 'rules', new URL('alerts.yml', docs).pathname])
  })

  it('shows that the alerts fire when they should', (t) => {
    const { pathname } = new URL('alerts.promtest.yml', import.meta.url)
    const promtool = neededCommand(t, 'promtool')
    if (promtool === undefined) return
    passes(promtool, ['test', 'rules', pathname])
  })

  it('parses the queries of the dashboard', (t) => {
    const promtool = neededCommand(t, 'promtool')
    if (promtool === undefined) return
    const dashboard = JSON.parse(readFileSync(new URL('dashboard.json', docs), 'utf8'))
    const asked: string[] = dashboard.panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
    )
    assert.ok(asked.length > 10)
    const rules = asked.map((expr, index) => ({ record: `panel:${index}`, expr }))
    const folder = mkdtempSync(join(tmpdir(), 'mintring-dashboard-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'rules.yml')
    // promtool reads YAML, and JSON is valid YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    passes(promtool, ['check', 'rules', file])
  })
})

function passes(promtool: string, words: readonly string[], input = ''): void {
  const { status, stdout, stderr } = spawnSync(promtool, words, { input, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
}

it('the queries of dashboard and alerts use only existing metrics', async () => {
  const metrics = await someMetrics()
  const there = new Set(
    // Counters of rare events exist once the event has happened.
    [...metrics.text().matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!),
  )
  metrics.close()
  for (const event of ['ejections', 'returns', 'probes', 'connects', 'refill_events']) {
    there.add(`mintring_${event}_total`)
  }
  for (const name of ['dashboard.json', 'alerts.yml']) {
    const text = readFileSync(new URL(name, docs), 'utf8')
    const asked = [...text.matchAll(/mintring_[a-z_]+/g)].map((match) => match[0])
    assert.ok(asked.length > 5)
    for (const metric of asked) {
      const family = metric.replace(/_(bucket|sum|count)$/, '')
      assert.ok(there.has(metric) || there.has(family), `${name}: ${metric}`)
    }
  }
})
