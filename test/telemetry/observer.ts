import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import * as otel from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { CommandMessage } from '../../src/channels.ts'
import { MemcachedClient } from '../../src/client/client.ts'
import { type ClientEvents, EVENT_NAMES } from '../../src/client/events.ts'
import { Metrics } from '../../src/integrations/metrics.ts'
import { instrument } from '../../src/integrations/otel.ts'
import { startMemcached } from '../support/memcached.ts'
import { CountingProxy } from './counting-proxy.ts'

/** When each command was published as started. */
const startedMs = new WeakMap<object, number>()
tracingChannel('mintring:command').start.subscribe((message) => {
  startedMs.set(message as object, performance.now())
})

/** Counts by name. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times)
  }

  /**
   * Adds what the message of a command or batch says: its host, bytes, attempts and duration. The
   * attempts of a get that missed and of a failed load depend on the moment.
   */
  addMessage(word: 'command' | 'batch', message: CommandMessage): void {
    const { command, outcome, host, bytes = 0, attempts = 0, durationMs = 0 } = message
    this.add(`${word} bytes`, bytes)
    const name = word === 'batch' ? `batch ${command}` : `${command} ${outcome}`
    if (name === 'get miss') this.add('missed attempts', attempts)
    else if (outcome !== 'loaderError') this.add(`attempts ${name}`, attempts)
    if (word === 'batch') return
    if (host !== undefined) this.add(`host ${host}`)
    this.add('durationMs', durationMs)
    this.add('elapsedMs', performance.now() - (startedMs.get(message) ?? 0))
  }

  /** All counts whose name has a prefix, without it. */
  under(prefix: string): Record<string, number> {
    const named = Object.entries(this.all).filter(([name]) => name.startsWith(prefix))
    return Object.fromEntries(named.map(([name, count]) => [name.slice(prefix.length), count]))
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** All counts that are not 0, ordered by name. */
  get all(): Record<string, number> {
    const counted = [...this.#counts].filter(([, count]) => count > 0)
    return Object.fromEntries(counted.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Two real memcacheds, each behind a counting proxy, and a client of the proxies. */
export async function startWatched(
  context: TestContext,
  behaviors: ConstructorParameters<typeof MemcachedClient>[1],
) {
  const servers = await Promise.all([startMemcached(), startMemcached()])
  const proxies = await Promise.all(servers.map(({ port }) => new CountingProxy(port).open()))
  const cache = new MemcachedClient(
    proxies.map(({ address }) => address),
    behaviors,
  )
  context.after(async () => {
    await cache.close()
    await Promise.all(proxies.map((proxy) => proxy.cut()))
    await Promise.all(servers.map((server) => server.kill()))
  })
  return { servers, proxies, cache, seen: observed(context, cache) }
}

/** The figures of every channel, metric and span. */
export type Seen = ReturnType<typeof observed>

/** Collects everything that is published about a client. */
function observed(context: TestContext, cache: MemcachedClient) {
  const commands = new Tally()
  const channelEvents = new Tally()
  const events = new Tally()
  let bytes = 0
  const ended = (message: unknown): void => {
    const { command, outcome, bytes: own = 0 } = message as CommandMessage
    commands.add(`${command} ${outcome}`)
    bytes += own
  }
  const { asyncEnd } = tracingChannel('mintring:command')
  asyncEnd.subscribe(ended)
  const told = ['eject', 'probe', 'return', 'configure', 'handover', 'refill'].map((name) => {
    const hear = (message: unknown): void =>
      channelEvents.add(name === 'refill' ? (message as { event: string }).event : name)
    channel(`mintring:${name}`).subscribe(hear)
    return () => channel(`mintring:${name}`).unsubscribe(hear)
  })
  for (const name of EVENT_NAMES as ReadonlySet<keyof ClientEvents>) {
    cache.on(name, () => events.add(name))
  }
  const metrics = new Metrics([cache])
  const spans = new InMemorySpanExporter()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const stop = instrument(otel, {
    tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
    meterProvider: new MeterProvider({ readers: [reader] }),
  })
  context.after(() => {
    asyncEnd.unsubscribe(ended)
    for (const end of told) end()
    metrics.close()
    stop()
  })
  const measured = async (): Promise<Tally> => {
    await reader.forceFlush()
    const tally = new Tally()
    for (const { metrics: all } of exporter.getMetrics().at(-1)!.scopeMetrics) {
      for (const { descriptor, dataPoints } of all) {
        for (const { value } of dataPoints) {
          tally.add(
            descriptor.name,
            typeof value === 'number' ? value : (value as { count: number }).count,
          )
        }
      }
    }
    return tally
  }
  /** The sum of `db.client.operation.duration`. */
  const seconds = async (): Promise<number> => {
    await reader.forceFlush()
    const all = exporter
      .getMetrics()
      .at(-1)!
      .scopeMetrics.flatMap(({ metrics }) => metrics)
    const points = all
      .filter(({ descriptor }) => descriptor.name === 'db.client.operation.duration')
      .flatMap(({ dataPoints }) => dataPoints as { value: { sum?: number } }[])
    return points.reduce((total, { value }) => total + (value.sum ?? 0), 0)
  }
  return { commands, channelEvents, events, metrics, spans, measured, seconds, bytes: () => bytes }
}

/** The sums of a scrape, by name and by one label of each series. */
export function scraped(text: string, name: string, ...by: string[]): Record<string, number> {
  const tally = new Tally()
  for (const line of text.split('\n')) {
    const [, found, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) continue
    const words = by.map((label) => new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels)?.[1] ?? '')
    tally.add(words.join(' '), Number(value))
  }
  return tally.all
}

/** How many hosts some keys are on. */
export const hostsOf = (cache: MemcachedClient, keys: readonly string[]): number =>
  new Set(keys.map((key) => cache.locate(key).server)).size

/** The sum of counts. */
export const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0)
