import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemcachedClient } from '../../src/client/client.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { neededCommand } from '../support/commands.ts'
import { freePort, skipWithoutMemcached, startMemcached } from '../support/memcached.ts'

const docs = new URL('../../docs/observability/', import.meta.url)

/** A Prometheus that scrapes every second, with the alert rules at a faster pace. */
async function startPrometheus(context: TestContext, binary: string, scraped: number) {
  const folder = mkdtempSync(join(tmpdir(), 'mintring-prometheus-'))
  const rules = readFileSync(new URL('alerts.yml', docs), 'utf8')
  writeFileSync(join(folder, 'rules.yml'), rules.replaceAll(/for: \d+m/g, 'for: 2s'))
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [`127.0.0.1:${scraped}`] }] }],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const port = await freePort()
  const child = spawn(
    binary,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
  context.after(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  })
  return async (path: string): Promise<{ data: { result: unknown[]; alerts: Alert[] } }> => {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined)
      if (response?.ok === true) return (await response.json()) as never
      await sleep(200)
    }
  }
}

interface Alert {
  readonly state: string
  readonly labels: { readonly alertname: string; readonly area?: string }
}

/** The queries of the dashboard, over the last ten seconds. */
function panels(): { title: string; expr: string }[] {
  const { panels } = JSON.parse(readFileSync(new URL('dashboard.json', docs), 'utf8'))
  return panels.flatMap(({ title, targets }: { title: string; targets: { expr: string }[] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$__rate_interval', '10s').replaceAll('$instance', '.*'),
    })),
  )
}

test('a real Prometheus has series for every panel, and a failing loader causes no alert about the cache', {
  skip: skipWithoutMemcached(),
}, async (context) => {
  const binary = neededCommand(context, 'prometheus')
  if (binary === undefined) return
  const server = await startMemcached()
  const cache = new MemcachedClient(`${server.host}:${server.port}`)
  const metrics = new Metrics([cache])
  const app = createServer((_, response) => response.end(metrics.text())).listen(0, '127.0.0.1')
  await once(app, 'listening')
  let isOver = false
  const load = async (): Promise<void> => {
    for (let i = 0; !isOver; i++) {
      await cache.set(`k${i % 50}`, i)
      await cache.getMany([`k${i % 60}`, 'none'])
      await cache.getOrSet(`page${i % 20}`, () => 'page', { ttl: 60 })
      const fail = (): never => {
        throw new Error('the origin is down')
      }
      await cache.getOrSet(`bad${i}`, fail, { ttl: 60 }).catch(() => {})
      await sleep(10)
    }
  }
  const loading = load()
  context.after(async () => {
    isOver = true
    await loading
    metrics.close()
    await cache.close()
    app.close()
    await server.kill()
  })
  const ask = await startPrometheus(context, binary, (app.address() as AddressInfo).port)
  const firing = async (): Promise<Alert[]> =>
    (await ask('alerts')).data.alerts.filter(({ state }) => state === 'firing')
  while ((await firing()).length === 0) await sleep(500)
  // Every other alert has had enough time to fire by now.
  await sleep(3000)
  for (const { title, expr } of panels()) {
    const { data } = await ask(`query?query=${encodeURIComponent(expr)}`)
    assert.ok(data.result.length > 0, `${title}: ${expr}`)
  }
  const names = (await firing()).map(({ labels }) => `${labels.alertname} of ${labels.area}`)
  assert.deepEqual(names, ['MintringLoadsFailing of origin'])
})
