/** The labels of a sample. */
export type Labels = Readonly<Record<string, string>>

/** A metric family of the Prometheus text format. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** A sample; its name is the family's name plus the suffix. */
export interface Sample {
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Labels
  readonly value: number
}

/** Formats families as text, version 0.0.4 of the format. Omits families without samples. */
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

/** Bounds the label sets per metric, so that changing host names do not use up memory. */
const MAX_SERIES = 2_000

/** Stores values by label set. Once it is full, new sets are counted as `other`. */
class Series<Value> {
  readonly #series = new Map<string, { readonly labels: Labels; value: Value }>()
  readonly #make: () => Value

  constructor(make: () => Value) {
    this.#make = make
  }

  of(labels: Labels): { readonly labels: Labels; value: Value } {
    const found = this.#series.get(JSON.stringify(labels))
    if (found !== undefined) return found
    const isFull = this.#series.size >= MAX_SERIES && labels.host !== OTHER
    if (isFull) return this.of(othersOf(labels))
    const series = { labels, value: this.#make() }
    this.#series.set(JSON.stringify(labels), series)
    return series
  }

  /** Drops the series whose labels are `gone`. */
  forget(gone: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#series) if (gone(labels)) this.#series.delete(key)
  }

  get all(): readonly { readonly labels: Labels; readonly value: Value }[] {
    return [...this.#series.values()]
  }
}

const OTHER = 'other'

function othersOf(labels: Labels): Labels {
  const { outcome, ...rest } = labels
  const others = Object.fromEntries(Object.keys(rest).map((name) => [name, OTHER]))
  return outcome === undefined ? { ...others, host: OTHER } : { ...others, host: OTHER, outcome }
}

/** Counts per label set. */
export class Counter {
  readonly #series = new Series(() => 0)

  add(labels: Labels, value = 1): void {
    this.#series.of(labels).value += value
  }

  /** Drops the series whose labels are `gone`. */
  forget(gone: (labels: Labels) => boolean): void {
    this.#series.forget(gone)
  }

  get samples(): Sample[] {
    return this.#series.all.map(({ labels, value }) => ({ labels, value }))
  }
}

/** A histogram per label set; each bucket counts values up to its bound. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #series: Series<{ counts: number[]; sum: number }>

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#series = new Series(() => ({
      counts: new Array<number>(bounds.length + 1).fill(0),
      sum: 0,
    }))
  }

  observe(labels: Labels, value: number): void {
    const series = this.#series.of(labels).value
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    series.counts[bucket < 0 ? this.#bounds.length : bucket]! += 1
    series.sum += value
  }

  /** Drops the series that are `gone`. */
  forget(gone: (labels: Labels) => boolean): void {
    this.#series.forget(gone)
  }

  get samples(): Sample[] {
    return this.#series.all.flatMap(({ labels, value: { counts, sum } }) =>
      histogramSamples(labels, this.#bounds, counts, sum),
    )
  }
}

/**
 * Returns cumulative buckets, count and, if known, sum; `counts` has one more element than
 * `bounds`.
 */
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
