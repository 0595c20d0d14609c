import { MintringError } from '../errors.ts'
import type { RemapReport } from '../simulate/remap.ts'
import { MIN_SAMPLE_KEYS, type SampledServer } from '../simulate/remap-sample.ts'
import { grouped, percent } from './remap-format.ts'

/** 95 % of a normal distribution are within this many standard deviations. */
const DEVIATIONS = 1.96

/**
 * Checks that a sample is large enough.
 *
 * @throws MintringError MINTRING_BAD_ARGUMENT if it is too small.
 */
export function checkSample(keys: number, sample: readonly SampledServer[]): void {
  if (sample.length === 0 || keys >= MIN_SAMPLE_KEYS) return
  const why = `${keys} sampled keys are too few, at least ${MIN_SAMPLE_KEYS} are necessary`
  throw new MintringError('MINTRING_BAD_ARGUMENT', `Bad remap: ${why} (${drawn(sample)})`)
}

/**
 * Returns the bounds within which the fraction of all keys lies with 95 % confidence, from the
 * fraction in a sample: Wilson's interval. If all keys were counted, both bounds are the fraction
 * itself.
 */
export function confidence(
  fraction: number,
  keys: number,
  sample: readonly SampledServer[],
): readonly [low: number, high: number] {
  const items = sample.reduce((sum, server) => sum + server.items, 0)
  if (keys >= items) return [fraction, fraction]
  const square = DEVIATIONS ** 2
  const middle = (fraction + square / (2 * keys)) / (1 + square / keys)
  const spread = Math.sqrt((fraction * (1 - fraction)) / keys + square / (4 * keys ** 2))
  const reach = (DEVIATIONS * spread) / (1 + square / keys)
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)]
}

/**
 * Returns how many keys came from each server, and the confidence intervals; '' without a sample.
 */
export function sampleLines(report: RemapReport, sample: readonly SampledServer[]): string {
  if (sample.length === 0) return ''
  const sure = report.results.map(({ distribution, hash, moved }) => {
    const [low, high] = confidence(moved, report.keys, sample)
    if (low === high) return ''
    return `\n${distribution} ${hash} moves ${percent(low)} to ${percent(high)} of all keys (95 %)`
  })
  return `\nSampled: ${drawn(sample)}${sure.join('')}\n`
}

const drawn = (sample: readonly SampledServer[]): string =>
  sample
    .map(({ server, keys, items }) => `${grouped(keys)} of ${grouped(items)} from ${server}`)
    .join(', ')
