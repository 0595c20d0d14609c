/**
 * `mintring/metrics`: Prometheus metrics, without a dependency.
 * @module metrics
 */
import { channel } from 'node:diagnostics_channel'
import { badArgument } from '../arguments.ts'
import type {
  BatchMessage,
  CommandMessage,
  ConfigureMessage,
  ConnectMessage,
  EjectMessage,
  HandoverMessage,
  ProbeMessage,
  RefillMessage,
  ReturnMessage,
} from '../channels.ts'
import type { MemcachedClient } from '../client/client.ts'
import type { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
import { clientFamilies } from './metrics-client.ts'
import { checkPeer } from './peer.ts'
import { type PromRegistry, promMetric } from './prom-client.ts'
import { Counter, type Family, Histogram, type Labels, prometheusText } from './prometheus-text.ts'

export type { PromRegistry }

/** The part of a client that Metrics reads. */
export type MeasuredClient = Pick<
  MemcachedClient,
  'hosts' | 'refillCounters' | 'forgivenErrors' | 'behaviors' | 'id' | 'closed'
>

/** Clients: a list, or an object whose keys become the label `client`. */
export type MeasuredClients = Iterable<MeasuredClient> | Readonly<Record<string, MeasuredClient>>

/** Upper bounds of the duration buckets, in seconds: most calls take well under a millisecond. */
const DURATION_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

/** Bounds the hosts, and the clients of each, whose use is remembered. */
const MAX_USERS = 2_000
/** Stands for all clients over the limit: the series of their host then stay. */
const FURTHER = 'further'

/** The values of `event` on the channel `mintring:refill`. */
const REFILL_EVENTS = [
  'refill',
  'refillError',
  'leaseLost',
  'leaseTakenOver',
  'stale',
  'bypass',
  'unreadable',
  'valueTooLarge',
  'invalidationsLost',
]

/**
 * Counts the operations of every client in the process from now on. When scraped, it also reads the
 * state of the clients passed to it:
 *
 * `const metrics = new Metrics([cache])`, then `response.end(metrics.text())` with the content type
 * `metrics.contentType`. The text never contains keys or values.
 *
 * Counts of several clients are added up per host. With names, `new Metrics({ pages, sessions })`,
 * every series has the label `client`; for clients not named here it is `other`.
 */
export class Metrics {
  /** The content type of text(). */
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  private readonly _clients: ReadonlyMap<string, MeasuredClient>
  /** The names of the clients by id; undefined if clients have no names. */
  private readonly _names: ReadonlyMap<string, string> | undefined
  /** By host: the ids of the clients with operations in its series. */
  private readonly _users = new Map<string, Set<string>>()
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
  private _stop: () => void

  constructor(clients: MeasuredClients = []) {
    this._clients = clientsByName(clients)
    if (!(Symbol.iterator in clients)) {
      this._names = new Map([...this._clients].map(([name, { id }]) => [id, name]))
    }
    this._stop = this._listen()
  }

  /** Returns all metrics in the Prometheus text format. */
  text(): string {
    return prometheusText(this._families())
  }

  /**
   * Adds all metrics to a registry of `prom-client`, which then exposes them with its own metrics
   * and default labels: `metrics.register(register)`. Throws MINTRING_BAD_ARGUMENT if `registry` is
   * not a registry, and the registry's own error for names it already has.
   */
  register(registry: PromRegistry): void {
    checkPeer(registry, 'a registry of prom-client', ['registerMetric'])
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
    const tell = (name: string, listener: (message: never) => void) => {
      const heard = (message: unknown): void => listener(message as never)
      channel(name).subscribe(heard)
      return () => channel(name).unsubscribe(heard)
    }
    const stops = [
      tell('tracing:mintring:command:asyncEnd', (message: CommandMessage) => this._ended(message)),
      tell('tracing:mintring:batch:asyncEnd', (message: BatchMessage) => this._batched(message)),
      tell('tracing:mintring:connect:asyncEnd', (message: ConnectMessage) => {
        this._connects.add(this._by(message, { outcome: message.outcome ?? 'error' }))
      }),
      tell('mintring:eject', (message: EjectMessage) => this._ejections.add(this._by(message))),
      tell('mintring:return', (message: ReturnMessage) => this._returns.add(this._by(message))),
      tell('mintring:probe', (message: ProbeMessage) => {
        this._probes.add(this._by(message, { outcome: message.ok ? 'ok' : 'error' }))
      }),
      tell('mintring:refill', ({ event, client }: RefillMessage) => {
        this._refills.add(this._by({ client }, { event }))
      }),
      tell('mintring:configure', ({ client, changes: { servers } }: ConfigureMessage) => {
        if (servers !== undefined) this._moved(client, servers.from, servers.to)
      }),
      // Until the handover ends, the previous servers still receive reads of moved keys.
      tell('mintring:handover', ({ client, phase, fromServers, toServers }: HandoverMessage) => {
        if (phase === 'end') this._moved(client, fromServers, toServers)
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  /** Builds the labels of a message: `client` when clients have names, `host`, and the others. */
  private _by(
    {
      client = '',
      host,
    }: { readonly client?: string | undefined; readonly host?: string | undefined },
    others: Labels = {},
  ): Labels {
    if (host !== undefined && client !== '') this._uses(client, host)
    return {
      ...(this._names === undefined ? {} : { client: this._names.get(client) ?? 'other' }),
      ...(host === undefined ? {} : { host }),
      ...others,
    }
  }

  private _uses(client: string, host: string): void {
    const users = this._users.get(host)
    if (users !== undefined) users.add(users.size < MAX_USERS ? client : FURTHER)
    else if (this._users.size < MAX_USERS) this._users.set(host, new Set([client]))
  }

  private _ended(message: CommandMessage): void {
    const { command, client, host = '', outcome = 'error', durationMs = 0 } = message
    const { host: _host, ...owner } = this._by({ client, host: message.host })
    this._durations.observe({ ...owner, command, host, outcome }, durationMs / 1000)
  }

  private _batched({
    command,
    client,
    batchSize,
    hits = 0,
    failed,
    outcome = 'error',
  }: BatchMessage): void {
    const labels = this._by({ client }, { command })
    this._batches.add({ ...labels, outcome })
    this._batchKeys.add(labels, batchSize)
    this._batchHits.add(labels, hits)
    // A batch that failed as a whole reports no count, so all of its keys failed.
    this._batchFailed.add(labels, failed ?? batchSize)
  }

  /** Drops the series of hosts that this client no longer uses, unless other clients use them. */
  private _moved(client = '', from: unknown, to: unknown): void {
    const left = new Set(from as readonly string[])
    for (const host of to as readonly string[]) left.delete(host)
    const unused = new Set<string>()
    for (const host of left) {
      const users = this._users.get(host)
      users?.delete(client)
      if (users !== undefined && users.size > 0) continue
      this._users.delete(host)
      unused.add(host)
    }
    const name = this._names === undefined ? undefined : (this._names.get(client) ?? 'other')
    const isOwn = (labels: Labels): boolean =>
      name !== 'other' &&
      name !== undefined &&
      labels.client === name &&
      left.has(labels.host ?? '')
    const gone = (labels: Labels): boolean => unused.has(labels.host ?? '') || isOwn(labels)
    const counted = [this._durations, this._connects, this._ejections, this._returns, this._probes]
    for (const series of counted) series.forget(gone)
  }

  /**
   * Adds 0 to counters of events that have not happened: rate() needs a value before the first one.
   */
  private _begin(): void {
    for (const client of this._clients.values()) {
      for (const { name: host } of client.hosts()) {
        const labels = this._by({ client: client.id, host })
        for (const counter of [this._ejections, this._returns]) counter.add(labels, 0)
        for (const counter of [this._connects, this._probes]) {
          for (const outcome of ['ok', 'error']) counter.add({ ...labels, outcome }, 0)
        }
      }
      for (const event of REFILL_EVENTS) {
        this._refills.add(this._by({ client: client.id }, { event }), 0)
      }
    }
  }

  private _families(): Family[] {
    this._begin()
    const counters = [
      ['batches', 'Calls that take many keys, such as getMany.', this._batches],
      ['batch_keys', 'Keys in calls that take many keys.', this._batchKeys],
      [
        'batch_hits',
        'Keys found, written or deleted by calls that take many keys.',
        this._batchHits,
      ],
      ['batch_failed_keys', 'Keys that failed in calls that take many keys.', this._batchFailed],
      ['connects', 'Connections dialled, by outcome.', this._connects],
      ['ejections', 'Hosts ejected from the ring.', this._ejections],
      ['returns', 'Hosts that returned to the ring.', this._returns],
      ['probes', 'Probes of ejected hosts, by outcome.', this._probes],
      ['refill_events', 'Events of refills.', this._refills],
    ] as const
    return [
      {
        name: 'mintring_command_duration_seconds',
        type: 'histogram',
        help: 'Duration of client calls, by outcome.',
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
      ...clientFamilies(this._clients, this._names !== undefined),
    ]
  }
}

/** Returns clients by name or index. Throws MINTRING_BAD_ARGUMENT for anything else. */
function clientsByName(clients: unknown): Map<string, MeasuredClient> {
  const isObject = typeof clients === 'object' && clients !== null && !isClient(clients)
  if (!isObject) throw noClient(clients)
  const isList = Symbol.iterator in clients
  const entries: [string, unknown][] = isList
    ? [...(clients as Iterable<unknown>)].map((client, index) => [String(index), client])
    : Object.entries(clients)
  for (const [, client] of entries) if (!isClient(client)) throw noClient(client)
  return new Map(entries as [string, MeasuredClient][])
}

function isClient(client: unknown): boolean {
  const { hosts, refillCounters } = Object(client) as Partial<MeasuredClient>
  return typeof hosts === 'function' && typeof refillCounters === 'object'
}

function noClient(given: unknown): MintringError {
  const what = isClient(given) ? 'a list of clients' : `MemcachedClients, not ${kindOf(given)}`
  return badArgument(`Metrics takes ${what}: new Metrics([cache]) or new Metrics({ pages: cache })`)
}
