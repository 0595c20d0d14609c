import { checkOptionNames } from '../arguments.ts'
import { checkBounds } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
import type { Ttl } from './ttl.ts'
import { ttlSeconds } from './ttl.ts'

/** What warm() takes. */
export interface WarmOptions {
  /** How long the values live; 0, the default, is until they are evicted. */
  readonly ttl?: Ttl | undefined
  /** How many keys are loaded and stored at a time. Default 16. */
  readonly concurrency?: number | undefined
  /** The most keys begun in a second, evenly spread. Default: no limit. */
  readonly perSecond?: number | undefined
  /** A log file: a run that broke off goes on from it. The keys must come in the same order. */
  readonly resumeFrom?: string | undefined
  /**
   * Ends the run: no key is begun any more, what is under way may finish for 400 ms, then warm()
   * rejects with MINTRING_ABORTED and tells how far it came.
   */
  readonly signal?: AbortSignal | undefined
  /** Called some ten times a second, and at the end. */
  readonly onProgress?: ((progress: WarmProgress) => void) | undefined
  /** Told of keys whose loader failed, or whose value cannot be stored. The run goes on. */
  readonly onError?: ((error: unknown, key: string) => void) | undefined
}

/** What a run did so far. */
export interface WarmProgress {
  /** Keys begun, those of the run before included. */
  readonly taken: number
  /** Keys whose value was stored. */
  readonly stored: number
  /** Keys whose loader answered `undefined`. */
  readonly skipped: number
  /** Keys whose loader threw, or whose value could not be stored. */
  readonly failed: number
  /** Keys that the run before had done. */
  readonly resumed: number
  /**
   * Stored keys that went to another host, because their own was out and did not return in time:
   * they are not there when it is back.
   */
  readonly elsewhere: number
}

/** Makes the value of a key; `undefined` stores nothing. The signal fires when the run ends. */
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

/** Throws MINTRING_BAD_ARGUMENT, _BAD_TTL, or _ABORTED when the signal has fired. */
export function checkWarm(loader: unknown, options: WarmOptions): void {
  if (typeof loader !== 'function') {
    const example = 'warm(keys, loader, { ttl: 60 })'
    throw badWarm(`the loader must be a function, not ${kindOf(loader)}: ${example}`)
  }
  checkOptionNames('warm', options, KNOWN)
  const { ttl = 0, concurrency = DEFAULT_CONCURRENCY, perSecond = 1, resumeFrom, signal } = options
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
  checkBounds({ signal })
}

/** A MINTRING_BAD_ARGUMENT error of warm(). */
export function badWarm(why: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `warm: ${why}`)
}
