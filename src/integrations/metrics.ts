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
  readonly #clients: readonly MeasuredClient[]
  readonly #durations = new Histogram(DURATION_BOUNDS)
  readonly #batches = new Counter()
  readonly #batchKeys = new Counter()
  readonly #batchHits = new Counter()
  readonly #batchFailed = new Counter()
  readonly #connects = new Counter()
  readonly #ejections = new Counter()
  readonly #returns = new Counter()
  readonly #probes = new Counter()
  readonly #refills = new Counter()
  readonly #startMs = new WeakMap<object, number>()
  #stop: () => void

  constructor(clients: Iterable<MeasuredClient> = []) {
    this.#clients = [...clients]
    this.#stop = this.#listen()
  }

  /** Everything, in the Prometheus text format. */
  text(): string {
    return prometheusText(this.#families())
  }

  /**
   * Adds everything to a registry of `prom-client`, which then tells it with its own metrics and
   * default labels: `metrics.register(register)`. Throws what the registry throws for names it has.
   */
  register(registry: PromRegistry): void {
    for (const { name, type, help } of this.#families()) {
      const read = (): Family => this.#families().find((family) => family.name === name)!
      registry.registerMetric(promMetric(name, type, help, read) as never)
    }
  }

  /** Stops counting. */
  close(): void {
    this.#stop()
    this.#stop = () => undefined
  }

  #listen(): () => void {
    const commands = tracingChannel<unknown, CommandMessage>('mintring:command')
    const batches = tracingChannel<unknown, BatchMessage>('mintring:batch')
    const connects = tracingChannel<unknown, ConnectMessage>('mintring:connect')
    const listeners = [
      [commands.start, (message: unknown) => this.#started(message as CommandMessage)],
      [commands.asyncEnd, (message: unknown) => this.#ended(message as CommandMessage)],
      [batches.asyncEnd, (message: unknown) => this.#batched(message as BatchMessage)],
      [connects.asyncEnd, (message: unknown) => this.#connected(message as ConnectMessage)],
      [
        channel('mintring:eject'),
        (message: unknown) => this.#ejections.add({ host: (message as EjectMessage).host }),
      ],
      [
        channel('mintring:return'),
        (message: unknown) => this.#returns.add({ host: (message as EjectMessage).host }),
      ],
      [channel('mintring:probe'), (message: unknown) => this.#probed(message as ProbeMessage)],
      [
        channel('mintring:refill'),
        (message: unknown) => this.#refills.add({ event: (message as RefillMessage).event }),
      ],
      [
        channel('mintring:configure'),
        (message: unknown) => this.#configured(message as ConfigureMessage),
      ],
    ] as const
    for (const [source, listener] of listeners) source.subscribe(listener)
    return () => {
      for (const [source, listener] of listeners) source.unsubscribe(listener)
    }
  }

  #started(message: CommandMessage): void {
    this.#startMs.set(message, performance.now())
  }

  #ended(message: CommandMessage): void {
    const startMs = this.#startMs.get(message)
    if (startMs === undefined) return
    const { command, host = '', outcome = 'error' } = message
    this.#durations.observe({ command, host, outcome }, (performance.now() - startMs) / 1000)
  }

  #batched({ command, batchSize, hits = 0, failed, outcome = 'error' }: BatchMessage): void {
    this.#batches.add({ command, outcome })
    this.#batchKeys.add({ command }, batchSize)
    this.#batchHits.add({ command }, hits)
    // A batch that ended with an error did nothing that is known of.
    this.#batchFailed.add({ command }, failed ?? batchSize)
  }

  #configured({ changes: { servers } }: ConfigureMessage): void {
    if (servers === undefined) return
    const left = new Set(servers.from as readonly string[])
    for (const host of servers.to as readonly string[]) left.delete(host)
    const counted = [this.#durations, this.#connects, this.#ejections, this.#returns, this.#probes]
    for (const series of counted) series.forget(left)
  }

  #connected({ host, outcome = 'error' }: ConnectMessage): void {
    this.#connects.add({ host, outcome })
  }

  #probed({ host, ok }: ProbeMessage): void {
    this.#probes.add({ host, outcome: ok ? 'ok' : 'error' })
  }

  #families(): Family[] {
    const counters = [
      ['batches', 'Calls of verbs over many keys.', this.#batches],
      ['batch_keys', 'Keys in those calls.', this.#batchKeys],
      ['batch_hits', 'Keys of them that were found (reads) or done.', this.#batchHits],
      ['batch_failed_keys', 'Keys of them that got no answer.', this.#batchFailed],
      ['connects', 'Connections dialled, by outcome.', this.#connects],
      ['ejections', 'Hosts that left the ring.', this.#ejections],
      ['returns', 'Hosts that came back to the ring.', this.#returns],
      ['probes', 'Ejected hosts tried in the background, by outcome.', this.#probes],
      ['refill_events', 'What refills reported.', this.#refills],
    ] as const
    return [
      {
        name: 'mintring_command_duration_seconds',
        type: 'histogram',
        help: 'Verbs of the client, from the call to the answer, by outcome.',
        samples: this.#durations.samples,
      },
      ...counters.map(
        ([name, help, counter]): Family => ({
          name: `mintring_${name}_total`,
          type: 'counter',
          help,
          samples: counter.samples,
        }),
      ),
      ...clientFamilies(this.#clients),
    ]
  }
}
