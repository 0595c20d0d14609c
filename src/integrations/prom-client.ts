import type { Family } from './prometheus-text.ts'

/**
 * The part of a registry of `prom-client` that is used here, by its shape: the package is the
 * user's, and types that named it would need it to be installed.
 */
export interface PromRegistry {
  /** Takes a metric, which it asks for its values whenever it is scraped. */
  registerMetric(metric: never): void
}

/** What a registry asks of a metric. */
interface PromMetric {
  /** A registry of the OpenMetrics format takes `_total` from the names of counters. */
  name: string
  readonly help: string
  readonly type: Family['type']
  /** How the parent of a cluster joins the values of its workers. */
  readonly aggregator: 'sum' | 'min'
  get(): Promise<object>
  reset(): void
}

/** A metric that a registry of `prom-client` can hold, and that is read when it is scraped. */
export function promMetric(
  name: string,
  type: Family['type'],
  help: string,
  read: () => Family,
): PromMetric {
  return {
    name,
    help,
    type,
    // A host is up when every worker says so; everything else adds up.
    aggregator: name === 'mintring_host_up' ? 'min' : 'sum',
    async get() {
      const values = read().samples.map(({ suffix, labels, value }) => ({
        labels,
        value,
        ...(suffix === undefined ? {} : { metricName: `${name}${suffix}` }),
      }))
      const { name: asked, aggregator } = this
      return { name: asked, help, type, aggregator, values }
    },
    // What is counted belongs to Metrics and to the clients: a registry does not reset it.
    reset() {},
  }
}
