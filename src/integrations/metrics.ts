/**
 * `mintring/metrics`: what Prometheus scrapes, without a dependency.
 * @module metrics
 */

import { channel, tracingChannel } from 'node:diagnostics_channel'
import type {
  BatchMessage,
  CommandMessage,
  ConfigureMessage,
  ConnectMessage,
  EjectMessage,
  ProbeMessage,
  RefillMessage,
} from '../channels.ts'
import type { RefillVerbs } from '../client/refill-verbs.ts'
import { performance } from '../runtime.ts'
import { clientFamilies } from './metrics-client.ts'
import { type PromRegistry, promMetric } from './prom-client.ts'
import { Counter, type Family, Histogram, prometheusText } from './prometheus-text.ts'

/** A client as metrics read it. */
export type MeasuredClient = Pick<
  RefillVerbs,
  'hosts' | 'refillCounters' | 'forgivenErrors' | 'behaviors'
>

/** Bounds of the duration buckets, in seconds: a cache answers in well under a millisecond. */
const DURATION_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

/**
 * Counts what every client of the process does, from now on, and reads the state of the clients it
 * is given when it is scraped:
 *
 * `const metrics = new Metrics([cache])`, and then `response.end(metrics.text())` with the content
 * type `metrics.contentType`. No key and no value is ever in it.
 */
export class Metrics {
  /** The content type of text(). */
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  private readonly _clients: readonly MeasuredClient[]
  private readonly _durations = new Histogram(DURATION_BOUNDS)
  private readonly _batches = new Counter()
  private readonly _batchKeys = new Counter()
  private readonly _batchHits = new Counter()
  private readonly _batchFailed = new Counter()
  private readonly _connects = new Counter()
  private readonly _ejections = new Counter()
  private readonly _returns = new Counter()
  private readonly _probes = new Counter()
  private readonly _refills = new Counter()
  private readonly _startMs = new WeakMap<object, number>()
  private _stop: () => void

  constructor(clients: Iterable<MeasuredClient> = []) {
    this._clients = [...clients]
    this._stop = this._listen()
  }

  /** Everything, in the Prometheus text format. */
  text(): string {
    return prometheusText(this._families())
  }

  /**
   * Adds everything to a registry of `prom-client`, which then tells it with its own metrics and
   * default labels: `metrics.register(register)`. Throws what the registry throws for names it has.
   */
  register(registry: PromRegistry): void {
    for (const { name, type, help } of this._families()) {
      const read = (): Family => this._families().find((family) => family.name === name)!
      registry.registerMetric(promMetric(name, type, help, read) as never)
    }
  }

  /** Stops counting. */
  close(): void {
    this._stop()
    this._stop = () => undefined
  }

  private _listen(): () => void {
    const commands = tracingChannel<unknown, CommandMessage>('mintring:command')
    const batches = tracingChannel<unknown, BatchMessage>('mintring:batch')
    const connects = tracingChannel<unknown, ConnectMessage>('mintring:connect')
    const listeners = [
      [commands.start, (message: unknown) => this._started(message as CommandMessage)],
      [commands.asyncEnd, (message: unknown) => this._ended(message as CommandMessage)],
      [batches.asyncEnd, (message: unknown) => this._batched(message as BatchMessage)],
      [connects.asyncEnd, (message: unknown) => this._connected(message as ConnectMessage)],
      [
        channel('mintring:eject'),
        (message: unknown) => this._ejections.add({ host: (message as EjectMessage).host }),
      ],
      [
        channel('mintring:return'),
        (message: unknown) => this._returns.add({ host: (message as EjectMessage).host }),
      ],
      [channel('mintring:probe'), (message: unknown) => this._probed(message as ProbeMessage)],
      [
        channel('mintring:refill'),
        (message: unknown) => this._refills.add({ event: (message as RefillMessage).event }),
      ],
      [
        channel('mintring:configure'),
        (message: unknown) => this._configured(message as ConfigureMessage),
      ],
    ] as const
    for (const [source, listener] of listeners) source.subscribe(listener)
    return () => {
      for (const [source, listener] of listeners) source.unsubscribe(listener)
    }
  }

  private _started(message: CommandMessage): void {
    this._startMs.set(message, performance.now())
  }

  private _ended(message: CommandMessage): void {
    const startMs = this._startMs.get(message)
    if (startMs === undefined) return
    const { command, host = '', outcome = 'error' } = message
    this._durations.observe({ command, host, outcome }, (performance.now() - startMs) / 1000)
  }

  private _batched({
    command,
    batchSize,
    hits = 0,
    failed,
    outcome = 'error',
  }: BatchMessage): void {
    this._batches.add({ command, outcome })
    this._batchKeys.add({ command }, batchSize)
    this._batchHits.add({ command }, hits)
    // A batch that ended with an error did nothing that is known of.
    this._batchFailed.add({ command }, failed ?? batchSize)
  }

  private _configured({ changes: { servers } }: ConfigureMessage): void {
    if (servers === undefined) return
    const left = new Set(servers.from as readonly string[])
    for (const host of servers.to as readonly string[]) left.delete(host)
    const counted = [this._durations, this._connects, this._ejections, this._returns, this._probes]
    for (const series of counted) series.forget(left)
  }

  private _connected({ host, outcome = 'error' }: ConnectMessage): void {
    this._connects.add({ host, outcome })
  }

  private _probed({ host, ok }: ProbeMessage): void {
    this._probes.add({ host, outcome: ok ? 'ok' : 'error' })
  }

  private _families(): Family[] {
    const counters = [
      ['batches', 'Calls of verbs over many keys.', this._batches],
      ['batch_keys', 'Keys in those calls.', this._batchKeys],
      ['batch_hits', 'Keys of them that were found (reads) or done.', this._batchHits],
      ['batch_failed_keys', 'Keys of them that got no answer.', this._batchFailed],
      ['connects', 'Connections dialled, by outcome.', this._connects],
      ['ejections', 'Hosts that left the ring.', this._ejections],
      ['returns', 'Hosts that came back to the ring.', this._returns],
      ['probes', 'Ejected hosts tried in the background, by outcome.', this._probes],
      ['refill_events', 'What refills reported.', this._refills],
    ] as const
    return [
      {
        name: 'mintring_command_duration_seconds',
        type: 'histogram',
        help: 'Verbs of the client, from the call to the answer, by outcome.',
        samples: this._durations.samples,
      },
      ...counters.map(
        ([name, help, counter]): Family => ({
          name: `mintring_${name}_total`,
          type: 'counter',
          help,
          samples: counter.samples,
        }),
      ),
      ...clientFamilies(this._clients),
    ]
  }
}
