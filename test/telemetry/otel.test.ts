import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import * as otel from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { MemcachedClient } from '../../src/client/client.ts'
import { startServer } from '../../src/embedded/server.ts'
import { instrument } from '../../src/integrations/otel.ts'

const spans = new InMemorySpanExporter()
const measurements = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({
  exporter: measurements,
  exportIntervalMillis: 3_600_000,
})
const tracer = otel.trace.getTracer('test')

before(() => {
  otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const spanProcessors = [new SimpleSpanProcessor(spans)]
  otel.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }))
  otel.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
})

let stop: () => void
beforeEach(() => {
  spans.reset()
  stop = instrument(otel)
})
afterEach(() => stop())

/** Runs work under a span of the caller and returns every span that ended meanwhile. */
async function traced(work: () => Promise<unknown>): Promise<readonly ReadableSpan[]> {
  await tracer.startActiveSpan('caller', async (span) => {
    await work().catch(() => undefined)
    span.end()
  })
  return spans.getFinishedSpans()
}

function named(found: readonly ReadableSpan[], name: string): ReadableSpan {
  const span = found.find((candidate) => candidate.name === name)
  assert.ok(span, `no span '${name}' among ${found.map((candidate) => candidate.name)}`)
  return span
}

async function measured(name: string): Promise<readonly Record<string, unknown>[]> {
  await reader.forceFlush()
  const scopes = measurements.getMetrics().at(-1)?.scopeMetrics ?? []
  const metrics = scopes.flatMap((scope) => scope.metrics)
  const points = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
  return points.map(({ attributes, value }) => ({ ...attributes, value }))
}

describe('OpenTelemetry spans', () => {
  it('are children of the caller’s span, named by operation and server', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const found = await traced(async () => {
      await cache.set('secret-key', 'secret-value')
      await cache.get('secret-key')
      await cache.get('none')
    })
    const caller = named(found, 'caller')
    const commands = found.filter((span) => span !== caller)
    assert.deepEqual(
      commands.map((span) => span.name),
      ['set', 'get', 'get'].map((command) => `${command} 127.0.0.1:${server.port}`),
    )
    for (const span of commands) {
      assert.equal(span.parentSpanContext?.spanId, caller.spanContext().spanId)
      assert.equal(span.kind, otel.SpanKind.CLIENT)
      assert.equal(span.attributes['db.system.name'], 'memcached')
      assert.equal(span.attributes['server.address'], '127.0.0.1')
      assert.equal(span.attributes['server.port'], server.port)
    }
    assert.deepEqual(
      commands.map((span) => span.attributes['mintring.outcome']),
      ['ok', 'hit', 'miss'],
    )
    assert.doesNotMatch(JSON.stringify(commands.map((span) => span.attributes)), /secret/)
  })

  it('of concurrent callers do not mix', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        tracer.startActiveSpan(`caller ${index}`, async (span) => {
          await cache.get(`key:${index}`)
          await cache.set(`key:${index}`, index)
          span.end()
        }),
      ),
    )
    const found = spans.getFinishedSpans()
    for (let index = 0; index < 20; index++) {
      const { spanId } = named(found, `caller ${index}`).spanContext()
      const children = found.filter((span) => span.parentSpanContext?.spanId === spanId)
      assert.deepEqual(
        children.map((span) => span.attributes['db.operation.name']),
        ['get', 'set'],
      )
    }
  })

  it('of a batch have its commands as children', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const found = await traced(() => cache.setMany({ a: 1, b: 2 }))
    const batch = named(found, 'setMany')
    const command = named(found, `set 127.0.0.1:${server.port}`)
    assert.equal(command.parentSpanContext?.spanId, batch.spanContext().spanId)
    assert.equal(command.kind, otel.SpanKind.CLIENT)
    assert.equal(batch.kind, otel.SpanKind.INTERNAL)
    assert.equal(batch.parentSpanContext?.spanId, named(found, 'caller').spanContext().spanId)
    assert.equal(batch.attributes['mintring.batch.keys'], 2)
    assert.equal(batch.attributes['mintring.batch.hits'], 2)
    assert.equal(batch.attributes['db.operation.batch.size'], undefined)
  })

  it('made inside the loader of a batch are children of the loader’s own span', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const load = (keys: readonly string[]) =>
      tracer.startActiveSpan('select', async (span) => {
        await cache.get('other')
        span.end()
        return new Map(keys.map((key) => [key, 1]))
      })
    const found = await traced(() => cache.getOrSetMany(['a'], load, { ttl: 60 }))
    const command = named(found, `get 127.0.0.1:${server.port}`)
    assert.equal(command.parentSpanContext?.spanId, named(found, 'select').spanContext().spanId)
  })

  it('give a sampler the address of the server when they start', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const seen: [string, otel.Attributes][] = []
    const sampler = {
      shouldSample(
        _: otel.Context,
        __: string,
        name: string,
        ___: otel.SpanKind,
        all: otel.Attributes,
      ) {
        seen.push([name, all])
        return { decision: SamplingDecision.NOT_RECORD }
      },
    }
    stop()
    stop = instrument(otel, { tracerProvider: new BasicTracerProvider({ sampler }) })
    await cache.get('k')
    assert.deepEqual(seen, [
      [
        `get 127.0.0.1:${server.port}`,
        {
          'db.system.name': 'memcached',
          'db.operation.name': 'get',
          'server.address': '127.0.0.1',
          'server.port': server.port,
        },
      ],
    ])
  })

  it('of a Unix socket are named by its path', async () => {
    const path = join(tmpdir(), `mintring-otel-${process.pid}`)
    await using server = await startServer({ path })
    await using cache = new MemcachedClient(server.address)
    const found = await traced(() => cache.get('k'))
    const span = named(found, `get ${path}`)
    assert.equal(span.attributes['server.address'], path)
    assert.equal('server.port' in span.attributes, false)
  })

  it('of failures have the error code and an error status', async () => {
    await using cache = new MemcachedClient('127.0.0.1:1', { retries: 0 })
    const found = await traced(() => cache.get('key'))
    const span = found.find((candidate) => candidate.name.startsWith('get'))!
    assert.equal(span.status.code, otel.SpanStatusCode.ERROR)
    assert.equal(span.attributes['error.type'], 'MINTRING_CONNECTION')
  })

  it('contain keys only with traceKeys', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address, { traceKeys: true })
    const found = await traced(() => cache.get('user:1'))
    assert.equal(found[0]?.attributes['mintring.key'], 'user:1')
  })

  it('of a getOrSet and of its loader are siblings under one caller', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    const load = () => tracer.startActiveSpan('select', async (span) => span.end() ?? 1)
    const found = await traced(() => cache.getOrSet('k', load, { ttl: 60 }))
    const caller = named(found, 'caller').spanContext()
    assert.equal(named(found, 'select').spanContext().traceId, caller.traceId)
    const span = named(found, `getOrSet 127.0.0.1:${server.port}`)
    assert.equal(span.parentSpanContext?.spanId, caller.spanId)
  })

  it('end when the instrumentation is stopped', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    stop()
    const found = await traced(() => cache.get('k'))
    assert.deepEqual(
      found.map((span) => span.name),
      ['caller'],
    )
  })
})

describe('OpenTelemetry metrics', () => {
  it('time operations by the semantic conventions', async () => {
    await using server = await startServer()
    await using cache = new MemcachedClient(server.address)
    await cache.set('k', 1)
    await cache.get('k')
    await cache.get('none')
    await cache.getMany(['k', 'none', 'neither'])
    const points = await measured('db.client.operation.duration')
    const point = points.find(
      (one) => one['db.operation.name'] === 'get' && one['server.port'] === server.port,
    )
    assert.ok(point)
    assert.equal(point['db.system.name'], 'memcached')
    const { count, buckets } = point.value as { count: number; buckets: { boundaries: number[] } }
    assert.equal(count, 3)
    assert.deepEqual(buckets.boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
    const hits = await measured('mintring.cache.hits')
    assert.equal(hits.find((one) => one['server.port'] === server.port)?.value, 1)
    const misses = await measured('mintring.cache.misses')
    assert.equal(misses.find((one) => one['server.port'] === server.port)?.value, 1)
    const ofBatches = (points: readonly Record<string, unknown>[]) =>
      points.find((one) => one['db.operation.name'] === 'getMany')?.value
    assert.equal(ofBatches(hits), 1)
    assert.equal(ofBatches(misses), 2)
    assert.ok((await measured('db.client.connection.create_time')).length > 0)
  })

  it('count ejections and the hosts that are out', async () => {
    await using server = await startServer()
    await using other = await startServer()
    const settings = { retryTimeoutMs: 100, connectTimeoutMs: 100 }
    await using cache = new MemcachedClient([server.address, other.address], settings)
    const waitFor = (name: 'eject' | 'return') =>
      new Promise<void>((resolve) => cache.on(name, () => resolve()))
    const ejected = waitFor('eject')
    await server.kill()
    const asking = setInterval(() => void cache.get(`k${Math.random()}`).catch(() => 0), 5)
    await ejected
    const own = (points: readonly Record<string, unknown>[]) =>
      points.find((one) => one['mintring.host'] === server.address)?.value
    assert.equal(own(await measured('mintring.host.ejections')), 1)
    assert.equal(own(await measured('mintring.host.returns')), undefined)
    const back = waitFor('return')
    await server.restart()
    await back
    clearInterval(asking)
    assert.equal(own(await measured('mintring.host.returns')), 1)
  })
})
