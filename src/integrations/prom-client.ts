import type { Family } from './prometheus-text.ts'

/**
 * The part of a `prom-client` registry that mintring uses. The types are declared here because
 * importing the package's types would require the user to install it.
 */
export interface PromRegistry {
  /** Adds a metric; each scrape calls its get(). */
  registerMetric(metric: never): void
}

/** The part of a metric that a registry uses. */
interface PromMetric {
  /** The name; a registry of the OpenMetrics format removes `_total` from counters. */
  name: string
  readonly help: string
  readonly type: Family['type']
  /** How a cluster's primary process combines the values of its workers. */
  readonly aggregator: 'sum' | 'min'
  get(): Promise<object>
  reset(): void
}

/** Returns a metric for a `prom-client` registry, which reads its values when it is scraped. */
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
    // A host is up only if every worker says so; the other values are added up.
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
    // Does nothing: a registry must not reset counts that belong to Metrics and the clients.
    reset() {},
  }
}
