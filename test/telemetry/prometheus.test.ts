import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { Counter, Registry } from 'prom-client'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { Metrics } from '../../src/integrations/metrics.ts'

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
const docs = new URL('../../docs/observability/', import.meta.url)

async function someMetrics(): Promise<Metrics> {
  await using server = await startServer()
  await using cache = new MemcachedClient(server.address)
  const metrics = new Metrics([cache])
  await cache.set('k', 1)
  await cache.getMany(['k', 'none'])
  await cache.getOrSet('page', () => 'text', { ttl: 60 })
  return metrics
}

it('stands beside what a registry of prom-client says', async () => {
  const metrics = await someMetrics()
  const registry = new Registry()
  const own = new Counter({ name: 'requests_total', help: 'Requests.', registers: [registry] })
  own.inc(3)
  const text = await metrics.textWith(registry)
  metrics.close()
  assert.match(text, /^requests_total 3$/m)
  assert.match(text, /^mintring_host_up\{host="127\.0\.0\.1:\d+"\} 1$/m)
  assert.equal(text.match(/^# TYPE requests_total counter$/gm)?.length, 1)
})

it('passes promtool', { skip: !hasPromtool && 'promtool is not here' }, async () => {
  const metrics = await someMetrics()
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: metrics.text() })
  metrics.close()
  assert.equal(checked.status, 0, String(checked.stderr))
})

it('has alert rules promtool takes', { skip: !hasPromtool && 'promtool is not here' }, () => {
  const { pathname } = new URL('alerts.yml', docs)
  const checked = spawnSync('promtool', ['check', 'rules', pathname])
  assert.equal(checked.status, 0, String(checked.stdout) + String(checked.stderr))
})

it('fires its alerts when it should', { skip: !hasPromtool && 'promtool is not here' }, () => {
  const { pathname } = new URL('alerts.promtest.yml', import.meta.url)
  const checked = spawnSync('promtool', ['test', 'rules', pathname])
  assert.equal(checked.status, 0, String(checked.stdout) + String(checked.stderr))
})

it('asks in dashboard and alerts only for metrics there are', async () => {
  const metrics = await someMetrics()
  const there = new Set(
    // Counters of ejections and the like exist once something happened.
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
