import type { OtelAdder, OtelMeter, OtelRecorder } from './otel-api.ts'

/** Bucket bounds in seconds, as the semantic conventions advise for database clients. */
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** The instruments that `instrument` records to. */
export interface Instruments {
  readonly duration: OtelRecorder
  readonly connectTime: OtelRecorder
  readonly hits: OtelAdder
  readonly misses: OtelAdder
  readonly ejections: OtelAdder
  readonly returns: OtelAdder
  readonly refillEvents: OtelAdder
}

/** An instrument: the semantic conventions name the first two, the others are mintring's own. */
export interface InstrumentRow {
  readonly key: keyof Instruments
  readonly name: string
  readonly kind: 'histogram' | 'counter'
  readonly unit: string
  readonly description: string
}

/** All instruments, as the table in docs/observability.md lists them. */
export const INSTRUMENTS: readonly InstrumentRow[] = [
  {
    key: 'duration',
    name: 'db.client.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of database client operations.',
  },
  {
    key: 'connectTime',
    name: 'db.client.connection.create_time',
    kind: 'histogram',
    unit: 's',
    description: 'The time it took to create a new connection.',
  },
  {
    key: 'hits',
    name: 'mintring.cache.hits',
    kind: 'counter',
    unit: '{read}',
    description: 'Keys that were found, fresh or stale: reads, getOrSet, getMany, getOrSetMany.',
  },
  {
    key: 'misses',
    name: 'mintring.cache.misses',
    kind: 'counter',
    unit: '{read}',
    description: 'Keys that were not found, or whose read timed out.',
  },
  {
    key: 'ejections',
    name: 'mintring.host.ejections',
    kind: 'counter',
    unit: '{ejection}',
    description: 'Hosts ejected from the ring.',
  },
  {
    key: 'returns',
    name: 'mintring.host.returns',
    kind: 'counter',
    unit: '{return}',
    description: 'Hosts that returned to the ring.',
  },
  {
    key: 'refillEvents',
    name: 'mintring.refill.events',
    kind: 'counter',
    unit: '{event}',
    description: 'Events of refills: refill, refillError, leaseLost, stale, bypass, ...',
  },
]

/** The attributes of spans, as the table in docs/observability.md lists them. */
export const ATTRIBUTES: readonly (readonly [name: string, spans: string, meaning: string])[] = [
  ['db.system.name', 'all', '`memcached`'],
  ['db.operation.name', 'all', 'the verb'],
  ['server.address', 'CLIENT', 'the host that replied; the path of a Unix socket'],
  ['server.port', 'CLIENT', 'its port'],
  ['error.type', 'failed spans', 'the code of the error'],
  ['mintring.outcome', 'all', 'the outcome, as on the diagnostics channels'],
  ['mintring.attempts', 'all', 'attempts on hosts; absent for batches of `warm` and `invalidate`'],
  ['mintring.refill.state', 'getOrSet', 'fresh, stale, miss, uncached, bypass'],
  ['mintring.key', 'CLIENT', 'the key, only with `traceKeys`'],
  ['mintring.batch.keys', 'INTERNAL', 'how many keys'],
  ['mintring.batch.hits', 'INTERNAL', 'how many keys were found or written'],
]

/** Creates the instruments of the table. */
export function createInstruments(meter: OtelMeter): Instruments {
  const made = INSTRUMENTS.map(({ key, name, kind, unit, description }) => {
    if (kind === 'counter') return [key, meter.createCounter(name, { description, unit })]
    const advice = { explicitBucketBoundaries: DURATION_BUCKETS }
    return [key, meter.createHistogram(name, { description, unit, advice })]
  })
  return Object.fromEntries(made)
}
