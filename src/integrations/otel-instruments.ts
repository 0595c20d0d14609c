import type { OtelAdder, OtelMeter, OtelRecorder } from './otel-api.ts'

/** Buckets the semantic conventions advise for database clients, in seconds. */
const DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** What is measured. */
export interface Instruments {
  readonly duration: OtelRecorder
  readonly connectTime: OtelRecorder
  readonly hits: OtelAdder
  readonly misses: OtelAdder
  readonly ejections: OtelAdder
  readonly returns: OtelAdder
  readonly refillEvents: OtelAdder
}

/** The first two are named by the semantic conventions, the others are mintring's own. */
export function createInstruments(meter: OtelMeter): Instruments {
  const advice = { explicitBucketBoundaries: DURATION_BUCKETS }
  return {
    duration: meter.createHistogram('db.client.operation.duration', {
      description: 'Duration of database client operations.',
      unit: 's',
      advice,
    }),
    connectTime: meter.createHistogram('db.client.connection.create_time', {
      description: 'The time it took to create a new connection.',
      unit: 's',
      advice,
    }),
    hits: meter.createCounter('mintring.cache.hits', {
      description: 'Reads that found a value.',
      unit: '{read}',
    }),
    misses: meter.createCounter('mintring.cache.misses', {
      description: 'Reads that found none.',
      unit: '{read}',
    }),
    ejections: meter.createCounter('mintring.host.ejections', {
      description: 'Hosts that left the ring.',
      unit: '{ejection}',
    }),
    returns: meter.createCounter('mintring.host.returns', {
      description: 'Hosts that came back to the ring.',
      unit: '{return}',
    }),
    refillEvents: meter.createCounter('mintring.refill.events', {
      description: 'What refills did: refill, refillError, leaseLost, stale, bypass, ...',
      unit: '{event}',
    }),
  }
}
