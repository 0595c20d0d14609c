import { checkOptionNames } from '../arguments.ts'
import { checkBounds } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
import type { Ttl } from './ttl.ts'
import { ttlSeconds } from './ttl.ts'

/** The options of warm(). */
export interface WarmOptions {
  /** The lifetime of the values; default 0: no expiry. */
  readonly ttl?: Ttl | undefined
  /** How many keys are loaded and stored at once. Default 16. */
  readonly concurrency?: number | undefined
  /** How many keys start per second at most, evenly spread. Default: no limit. */
  readonly perSecond?: number | undefined
  /**
   * The path of a log file. An interrupted run continues from it; keys must come in the same order.
   */
  readonly resumeFrom?: string | undefined
  /**
   * Aborts the run: no further key starts, pending ones have 400 ms to finish, then warm() rejects
   * with MINTRING_ABORTED and reports its progress.
   */
  readonly signal?: AbortSignal | undefined
  /** Called with the progress about ten times a second, and at the end. */
  readonly onProgress?: ((progress: WarmProgress) => void) | undefined
  /**
   * Called with each key whose loader failed or whose value cannot be stored. The run continues.
   */
  readonly onError?: ((error: unknown, key: string) => void) | undefined
}

/** The progress of a run. */
export interface WarmProgress {
  /** Keys started, including those of previous runs. */
  readonly taken: number
  /** Keys whose value was stored. */
  readonly stored: number
  /** Keys whose loader returned `undefined`. */
  readonly skipped: number
  /** Keys whose loader threw, or whose value could not be stored. */
  readonly failed: number
  /** Keys that previous runs finished. */
  readonly resumed: number
  /**
   * Keys stored on a fallback host, because their own host was down too long. When it returns,
   * their values are not on it.
   */
  readonly elsewhere: number
}

/**
 * Loads the value of a key; `undefined` stores nothing. The signal aborts when the run ends early.
 */
export type WarmLoader = (key: string, context: { readonly signal: AbortSignal }) => unknown

export const DEFAULT_CONCURRENCY = 16
const MAX_CONCURRENCY = 10_000
const MIN_PER_SECOND = 0.001
const MAX_PER_SECOND = 1_000_000

const KNOWN: ReadonlySet<string> = new Set<keyof WarmOptions>([
  'ttl',
  'concurrency',
  'perSecond',
  'resumeFrom',
  'signal',
  'onProgress',
  'onError',
])

/** Throws MINTRING_BAD_ARGUMENT, _BAD_TTL, or _ABORTED when the signal has already aborted. */
export function checkWarm(loader: unknown, options: WarmOptions): void {
  if (typeof loader !== 'function') {
    const example = 'warm(keys, loader, { ttl: 60 })'
    throw badWarm(`the loader must be a function, not ${kindOf(loader)}: ${example}`)
  }
  checkOptionNames('warm', options, KNOWN)
  checkBounds(options)
  const { ttl = 0, concurrency = DEFAULT_CONCURRENCY, perSecond = 1, resumeFrom } = options
  ttlSeconds(ttl)
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY)) {
    throw badWarm(`concurrency must be 1 to ${MAX_CONCURRENCY}`)
  }
  const isRate = typeof perSecond === 'number'
  if (!(isRate && perSecond >= MIN_PER_SECOND && perSecond <= MAX_PER_SECOND)) {
    throw badWarm(`perSecond must be ${MIN_PER_SECOND} to ${MAX_PER_SECOND}`)
  }
  if (resumeFrom !== undefined && (typeof resumeFrom !== 'string' || resumeFrom === '')) {
    throw badWarm('resumeFrom must be the path of a file')
  }
  for (const name of ['onProgress', 'onError'] as const) {
    const listener: unknown = options[name]
    if (listener !== undefined && typeof listener !== 'function') {
      throw badWarm(`${name} must be a function`)
    }
  }
}

/** Returns a MINTRING_BAD_ARGUMENT error of warm(). */
export function badWarm(why: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `warm: ${why}`)
}
