import { setTimeout as sleep } from 'node:timers/promises'
import { isMintringError, MintringError } from '../errors.ts'
import type { StoreOptions } from './options.ts'
import type { Ttl } from './ttl.ts'
import { ttlSeconds } from './ttl.ts'
import { WarmLog } from './warm-log.ts'

/** What warm() takes. */
export interface WarmOptions {
  /** How long the values live; 0, the default, is until they are evicted. */
  readonly ttl?: Ttl | undefined
  /** How many keys are loaded and stored at a time. Default 16. */
  readonly concurrency?: number | undefined
  /** The most keys begun in a second. Default: no limit. */
  readonly perSecond?: number | undefined
  /** A log file: a run that broke off goes on from it. The keys must come in the same order. */
  readonly resumeFrom?: string | undefined
  /** Ends the run: what is under way is finished, then warm() rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called some ten times a second, and at the end. */
  readonly onProgress?: ((progress: WarmProgress) => void) | undefined
  /** Told of keys whose loader failed, or whose value cannot be stored. The run goes on. */
  readonly onError?: ((error: unknown, key: string) => void) | undefined
}

/** What a run did so far. */
export interface WarmProgress {
  /** Keys taken from the iterable, those of the run before included. */
  readonly taken: number
  /** Keys whose value was stored. */
  readonly stored: number
  /** Keys whose loader answered `undefined`. */
  readonly skipped: number
  /** Keys whose loader threw, or whose value could not be stored. */
  readonly failed: number
  /** Keys that the run before had done. */
  readonly resumed: number
}

/** Makes the value of a key; `undefined` stores nothing. */
export type WarmLoader = (
  key: string,
  context: { readonly signal: AbortSignal | undefined },
) => unknown

type Store = (key: string, value: unknown, options: StoreOptions) => Promise<unknown>

const DEFAULT_CONCURRENCY = 16
const MAX_CONCURRENCY = 10_000
/** How many keys may be done while an earlier one is still loading. */
const MAX_AHEAD = 100_000
const REPORT_MS = 100
/** Waits before a value is stored again after the cache could not take it. */
const RETRY_DELAYS_MS = [100, 200, 400, 800, 1600, 3200]
/** What may be over in a moment. */
const PASSING: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_NO_HOSTS',
  'MINTRING_OVERLOADED',
  'MINTRING_TIMEOUT',
])

/** One warm-up. Its memory does not grow with the number of keys. */
export class WarmUp {
  readonly #store: Store
  readonly #loader: WarmLoader
  readonly #options: WarmOptions
  readonly #log: WarmLog | undefined
  readonly #next: () => Promise<IteratorResult<string>>
  readonly #endKeys: () => Promise<unknown>
  /** Keys done out of turn: above #done, the number of those that are done without a gap. */
  readonly #ahead = new Map<number, string>()
  #taken = 0
  #done = 0
  #doneKey = ''
  #stored = 0
  #skipped = 0
  #failed = 0
  #resumed = 0
  #slotMs = 0
  #reportMs = 0
  #failure: { readonly error: unknown } | undefined
  readonly #waiting: (() => void)[] = []

  /** Throws MINTRING_BAD_ARGUMENT, or MINTRING_BAD_TTL, for options that cannot be. */
  constructor(
    store: Store,
    keys: Iterable<string> | AsyncIterable<string>,
    loader: WarmLoader,
    options: WarmOptions,
  ) {
    checkOptions(loader, options)
    this.#store = store
    this.#loader = loader
    this.#options = options
    const iterator = iteratorOf(keys)
    this.#next = inTurn(async () => iterator.next())
    this.#endKeys = async () => iterator.return?.()
    this.#log = options.resumeFrom === undefined ? undefined : new WarmLog(options.resumeFrom)
  }

  async run(): Promise<WarmProgress> {
    const { concurrency = DEFAULT_CONCURRENCY } = this.#options
    let isFinished = false
    try {
      await this.#resume()
      await Promise.all(Array.from({ length: concurrency }, () => this.#work()))
      if (this.#failure !== undefined) throw this.#failure.error
      isFinished = true
    } finally {
      this.#report(true)
      this.#log?.close(isFinished)
    }
    return this.#progress()
  }

  /** Passes over what the run before has done, if these are the same keys. */
  async #resume(): Promise<void> {
    const last = this.#log?.last
    if (last === undefined) return
    let key: string | undefined
    while (this.#taken < last.position) {
      const { value, done } = await this.#next()
      if (done === true) break
      key = value
      this.#taken++
    }
    if (key !== last.key) {
      await this.#endKeys()
      throw bad(`resumeFrom: key ${last.position} is '${key}' now, and was '${last.key}'`)
    }
    this.#done = this.#resumed = last.position
    this.#doneKey = last.key
  }

  async #work(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        this.#checkAborted()
        await this.#pace()
        const { value: key, done } = await this.#next()
        if (done === true) return
        const index = this.#taken++
        await this.#fill(key)
        this.#advance(index, key)
        this.#report(false)
        if (this.#ahead.size > MAX_AHEAD) await this.#untilAdvanced()
      }
    } catch (error) {
      if (this.#failure === undefined) {
        this.#failure = { error }
        this.#wake()
        await this.#endKeys()
      }
    }
  }

  /** Loads and stores one key. Throws when the cache takes nothing any more. */
  async #fill(key: string): Promise<void> {
    const { ttl, signal } = this.#options
    let value: unknown
    try {
      value = await this.#loader(key, { signal })
    } catch (error) {
      this.#fail(error, key)
      return
    }
    if (value === undefined) this.#skipped++
    else await this.#keep(key, value, { ttl })
  }

  async #keep(key: string, value: unknown, options: StoreOptions): Promise<void> {
    for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
      try {
        await this.#store(key, value, options)
        this.#stored++
        return
      } catch (error) {
        const isPassing = isMintringError(error) && PASSING.has(error.code)
        if (isMintringError(error) && error.code === 'MINTRING_CLOSED') throw error
        if (!isPassing) {
          this.#fail(error, key)
          return
        }
        if (delayMs === undefined || this.#failure !== undefined) throw error
        await sleep(delayMs, undefined, { signal: this.#options.signal }).catch(() => {})
        this.#checkAborted()
      }
    }
  }

  #fail(error: unknown, key: string): void {
    this.#failed++
    this.#options.onError?.(error, key)
  }

  /** One start per slot. */
  async #pace(): Promise<void> {
    const { perSecond } = this.#options
    if (perSecond === undefined) return
    const nowMs = performance.now()
    const startMs = Math.max(nowMs, this.#slotMs)
    this.#slotMs = startMs + 1000 / perSecond
    if (startMs - nowMs >= 1) await sleep(startMs - nowMs)
  }

  #advance(index: number, key: string): void {
    if (index !== this.#done) {
      this.#ahead.set(index, key)
      return
    }
    let next: string | undefined = key
    while (next !== undefined) {
      this.#doneKey = next
      this.#done++
      next = this.#ahead.get(this.#done)
      this.#ahead.delete(this.#done)
    }
    this.#wake()
  }

  #untilAdvanced(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #report(isLast: boolean): void {
    const nowMs = performance.now()
    if (!isLast && nowMs < this.#reportMs) return
    this.#reportMs = nowMs + REPORT_MS
    if (this.#done > this.#resumed) this.#log?.write({ position: this.#done, key: this.#doneKey })
    this.#options.onProgress?.(this.#progress())
  }

  #progress(): WarmProgress {
    return {
      taken: this.#taken,
      stored: this.#stored,
      skipped: this.#skipped,
      failed: this.#failed,
      resumed: this.#resumed,
    }
  }

  #checkAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted !== true) return
    const details = { cause: signal.reason }
    throw new MintringError('MINTRING_ABORTED', 'The warm-up was aborted by its signal', details)
  }
}

function iteratorOf(
  keys: Iterable<string> | AsyncIterable<string>,
): Iterator<string> | AsyncIterator<string> {
  if (Symbol.asyncIterator in Object(keys)) {
    return (keys as AsyncIterable<string>)[Symbol.asyncIterator]()
  }
  if (Symbol.iterator in Object(keys)) return (keys as Iterable<string>)[Symbol.iterator]()
  throw bad('keys must be an iterable')
}

/** Calls one after the other: not every async iterator bears two at a time. */
function inTurn<Result>(call: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    const answer = last.then(call)
    last = answer.catch(() => {})
    return answer
  }
}

function checkOptions(loader: unknown, options: WarmOptions): void {
  const { ttl = 0, concurrency = DEFAULT_CONCURRENCY, perSecond = 1 } = options
  if (typeof loader !== 'function') throw bad('the loader must be a function')
  ttlSeconds(ttl)
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY)) {
    throw bad(`concurrency must be 1 to ${MAX_CONCURRENCY}`)
  }
  if (!(perSecond > 0)) throw bad('perSecond must be above 0')
}

function bad(why: string): MintringError {
  return new MintringError('MINTRING_BAD_ARGUMENT', `warm: ${why}`)
}
