/** Labels of a sample. */
export type Labels = Readonly<Record<string, string>>

/** One family of the Prometheus text format: its name, kind, meaning and samples. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** A value under a name that is the family's, or the family's with a suffix. */
export interface Sample {
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Labels
  readonly value: number
}

/** Families as text, version 0.0.4 of the format. Families without samples are left out. */
export function prometheusText(families: readonly Family[]): string {
  return families
    .filter((family) => family.samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const lines = samples.map(
        (sample) =>
          `${name}${sample.suffix ?? ''}${labelsText(sample.labels)} ${number(sample.value)}`,
      )
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`
    })
    .join('')
}

/** A count per set of labels. */
export class Counter {
  readonly #counts = new Map<string, { labels: Labels; value: number }>()

  add(labels: Labels, value = 1): void {
    const key = JSON.stringify(labels)
    const found = this.#counts.get(key)
    if (found === undefined) this.#counts.set(key, { labels, value })
    else found.value += value
  }

  /** Drops the series of hosts that are gone: names that come and go must not pile up. */
  forget(hosts: ReadonlySet<string>): void {
    forget(this.#counts, hosts)
  }

  get samples(): Sample[] {
    return [...this.#counts.values()].map(({ labels, value }) => ({ labels, value }))
  }
}

/** A distribution per set of labels, in buckets that each hold what is at most their bound. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { labels: Labels; counts: number[]; sum: number }>()

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  observe(labels: Labels, value: number): void {
    const key = JSON.stringify(labels)
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { labels, counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 }
      this.#series.set(key, series)
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    series.counts[bucket < 0 ? this.#bounds.length : bucket]! += 1
    series.sum += value
  }

  /** Drops the series of hosts that are gone. */
  forget(hosts: ReadonlySet<string>): void {
    forget(this.#series, hosts)
  }

  get samples(): Sample[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) =>
      histogramSamples(labels, this.#bounds, counts, sum),
    )
  }
}

/** Cumulative buckets, count and, if known, sum; `counts` has one more than `bounds`. */
export function histogramSamples(
  labels: Labels,
  bounds: readonly number[],
  counts: readonly number[],
  sum: number | undefined,
): Sample[] {
  let total = 0
  const buckets = counts.map((count, index): Sample => {
    total += count
    const le = index < bounds.length ? number(bounds[index]!) : '+Inf'
    return { suffix: '_bucket', labels: { ...labels, le }, value: total }
  })
  return [
    ...buckets,
    ...(sum === undefined ? [] : [{ suffix: '_sum' as const, labels, value: sum }]),
    { suffix: '_count', labels, value: total },
  ]
}

function forget(series: Map<string, { labels: Labels }>, hosts: ReadonlySet<string>): void {
  for (const [key, { labels }] of series) {
    if (labels.host !== undefined && hosts.has(labels.host)) series.delete(key)
  }
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
