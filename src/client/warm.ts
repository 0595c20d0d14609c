import { setMaxListeners } from 'node:events'
import { isTraced, type Outcome } from '../channels.ts'
import { onAbort } from '../deadline.ts'
import { isMintringError, MintringError } from '../errors.ts'
import { clearTimeout, performance, setTimeout } from '../runtime.ts'
import type { ClientCore } from './core.ts'
import type { StoreOptions } from './options.ts'
import { type BatchCount, traceBatch } from './trace.ts'
import { outcomeOfError } from './trace-failure.ts'
import { WarmKeys } from './warm-keys.ts'
import { WarmLog } from './warm-log.ts'
import {
  badWarm,
  checkWarm,
  DEFAULT_CONCURRENCY,
  type WarmLoader,
  type WarmOptions,
  type WarmProgress,
} from './warm-options.ts'

/** The client methods that a warm-up needs. */
export interface WarmTarget {
  set(key: string, value: unknown, options: StoreOptions): Promise<unknown>
  locate(key: string): { readonly server: string; readonly ejected: boolean }
}

/** How many keys may finish while an earlier one is still loading. */
const MAX_AHEAD = 100_000
const REPORT_MS = 100
/** How long pending keys may still take when a run ends early. */
const GRACE_MS = 400
/** The delays before retrying to store a value while the cache is unavailable. */
const RETRY_DELAYS_MS = [100, 200, 400, 800, 1600, 3200]
/** The error codes of failures that may be temporary. */
const PASSING: ReadonlySet<string> = new Set([
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_NO_HOSTS',
  'MINTRING_OVERLOADED',
  'MINTRING_TIMEOUT',
])

/** Runs a warm-up, and traces it as one operation. */
export async function warm(
  core: ClientCore,
  target: WarmTarget,
  keys: Iterable<string> | AsyncIterable<string>,
  loader: WarmLoader,
  options: WarmOptions = {},
): Promise<WarmProgress> {
  const job = new WarmUp(target, keys, loader, options)
  if (!isTraced()) return job.run()
  const reached = (): BatchCount => {
    const { taken, resumed, stored, skipped } = job.progress
    const size = taken - resumed
    // A key that was taken and is not done when the run ends early has failed with the run.
    return { size, hits: stored, skipped, failed: size - stored - skipped, fate: job.fate }
  }
  return traceBatch(core, 'warm', [], () => job.run(), reached, reached)
}

/** One warm-up. Its memory use does not grow with the number of keys. */
export class WarmUp {
  readonly #target: WarmTarget
  readonly #loader: WarmLoader
  readonly #options: WarmOptions
  readonly #keys: WarmKeys
  readonly #log: WarmLog | undefined
  /** Aborts when the run ends early, for any reason. */
  readonly #ending = new AbortController()
  /** Keys that finished before an earlier one, by index. All keys below #done have finished. */
  readonly #ahead = new Map<number, string>()
  /** Hosts that did not return within all retries. */
  readonly #lostHosts = new Set<string>()
  readonly #waiting = new Set<() => void>()
  readonly #counts = { taken: 0, stored: 0, skipped: 0, failed: 0, resumed: 0, elsewhere: 0 }
  #done = 0
  #doneKey = ''
  /** How many values are being retried; no new key starts meanwhile. */
  #faltering = 0
  #reportMs = 0
  #failure: { readonly error: unknown } | undefined
  /** The outcomes of the keys that failed, of which there are few different ones. */
  readonly #fates = new Set<Outcome>()
  #isOver = false

  /** Throws MINTRING_BAD_ARGUMENT or MINTRING_BAD_TTL for invalid options. */
  constructor(
    target: WarmTarget,
    keys: Iterable<string> | AsyncIterable<string>,
    loader: WarmLoader,
    options: WarmOptions,
  ) {
    checkWarm(loader, options)
    this.#target = target
    this.#loader = loader
    this.#options = options
    // No warning of a leak: every pending loader may add a listener to this signal.
    setMaxListeners(0, this.#ending.signal)
    this.#keys = new WarmKeys(keys, options.perSecond, (delayMs) => this.#wait(delayMs))
    this.#log = options.resumeFrom === undefined ? undefined : new WarmLog(options.resumeFrom)
  }

  async run(): Promise<WarmProgress> {
    const { signal } = this.#options
    const stop = { reject: (error: MintringError): void => this.#stop(error) }
    const leave = signal === undefined ? undefined : onAbort(signal, stop)
    try {
      await this.#untilGivenUp(this.#work())
    } finally {
      leave?.()
      this.#isOver = true
      this.#finish()
    }
    if (this.#failure !== undefined) throw this.#told(this.#failure.error)
    return this.progress
  }

  async #work(): Promise<void> {
    const { concurrency = DEFAULT_CONCURRENCY } = this.#options
    try {
      await this.#resume()
    } catch (error) {
      this.#stop(error)
    }
    await Promise.all(Array.from({ length: concurrency }, () => this.#worker()))
    if (this.#failure !== undefined) await this.#keys.end().catch(() => {})
  }

  /** Skips the keys that the previous run finished; rejects if the keys are different ones. */
  async #resume(): Promise<void> {
    const last = this.#log?.last
    if (last === undefined) return
    let key: string | undefined
    while (this.#counts.taken < last.position && this.#failure === undefined) {
      const next = await this.#keys.skip()
      if (next === undefined) break
      key = next
      this.#counts.taken++
    }
    if (this.#failure !== undefined) return
    if (key !== last.key) {
      throw badWarm(`resumeFrom: key ${last.position} is '${key}' now, and was '${last.key}'`)
    }
    this.#done = this.#counts.resumed = last.position
    this.#doneKey = last.key
  }

  async #worker(): Promise<void> {
    try {
      while (this.#failure === undefined) {
        const key = await this.#keys.take()
        while (this.#faltering > 0) await this.#untilWoken()
        if (key === undefined || this.#failure !== undefined) return
        const index = this.#counts.taken++
        const isDone = await this.#fill(key)
        if (!isDone || this.#isOver) return
        this.#advance(index, key)
        this.#report()
        while (this.#ahead.size > MAX_AHEAD) await this.#untilWoken()
      }
    } catch (error) {
      this.#stop(error)
    }
  }

  /**
   * Loads and stores one key. Returns false if the run ended meanwhile; throws if the cache stays
   * unavailable.
   */
  async #fill(key: string): Promise<boolean> {
    let value: unknown
    try {
      value = await this.#loader(key, { signal: this.#ending.signal })
    } catch (error) {
      // A loader that rejects because of the signal has not failed.
      if (this.#failure !== undefined) return false
      this.#fail(error, key, 'loaderError')
      return true
    }
    if (this.#isOver) return false
    if (value === undefined) this.#counts.skipped++
    else await this.#keep(key, value)
    return true
  }

  async #keep(key: string, value: unknown): Promise<void> {
    let isFaltering = false
    try {
      for (const delayMs of [...RETRY_DELAYS_MS, undefined]) {
        const isLast = delayMs === undefined
        if (await this.#isKept(key, value, isLast)) return
        if (!isFaltering) this.#faltering++
        isFaltering = true
        await this.#wait(delayMs ?? 0)
        if (this.#failure !== undefined) throw this.#failure.error
      }
    } finally {
      if (isFaltering) this.#faltering--
      this.#wake()
    }
  }

  /** Stores a value; returns false if it should be retried. */
  async #isKept(key: string, value: unknown, isLast: boolean): Promise<boolean> {
    try {
      if (this.#isAwaited(key, isLast)) return false
      await this.#target.set(key, value, { ttl: this.#options.ttl })
      // The host may have been ejected meanwhile, so that a fallback host got the value.
      if (this.#isAwaited(key, isLast)) return false
      if (this.#isOver) return true
      this.#counts.stored++
      if (this.#lostHosts.has(this.#target.locate(key).server)) this.#counts.elsewhere++
      return true
    } catch (error) {
      const code = isMintringError(error) ? error.code : ''
      if (code === 'MINTRING_CLOSED') throw error
      if (!PASSING.has(code)) this.#fail(error, key, outcomeOfError('warm', error))
      else if (isLast) throw error
      return !PASSING.has(code)
    }
  }

  /** Whether to wait for the key's ejected host. After all retries it counts as lost. */
  #isAwaited(key: string, isLast: boolean): boolean {
    const { server, ejected } = this.#target.locate(key)
    if (!ejected) this.#lostHosts.delete(server)
    else if (isLast) this.#lostHosts.add(server)
    return ejected && !this.#lostHosts.has(server)
  }

  #fail(error: unknown, key: string, fate: Outcome): void {
    if (this.#isOver) return
    this.#counts.failed++
    this.#fates.add(fate)
    this.#options.onError?.(error, key)
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

  /** Ends the run early: no further key starts. */
  #stop(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#ending.abort(error)
    this.#wake()
  }

  /** Resolves when the work is done, or a while after the run ended early. */
  async #untilGivenUp(work: Promise<void>): Promise<void> {
    const { signal } = this.#ending
    let timer: ReturnType<typeof setTimeout> | undefined
    const givenUp = new Promise<void>((resolve) => {
      const give = (): void => {
        timer = setTimeout(resolve, GRACE_MS)
      }
      if (signal.aborted) give()
      else signal.addEventListener('abort', give, { once: true })
    })
    await Promise.race([work, givenUp])
    clearTimeout(timer)
  }

  /** Waits `delayMs`, or until the run ends early. */
  #wait(delayMs: number): Promise<void> {
    const { signal } = this.#ending
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        leave()
        resolve()
      }
      const timer = setTimeout(end, delayMs)
      const leave = onAbort(signal, { reject: end })
    })
  }

  async #untilWoken(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    await new Promise<void>((resolve) => {
      this.#waiting.add(resolve)
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  #report(): void {
    const nowMs = performance.now()
    if (nowMs < this.#reportMs) return
    this.#reportMs = nowMs + REPORT_MS
    this.#writeLog()
    this.#options.onProgress?.(this.progress)
  }

  #writeLog(): void {
    if (this.#done > this.#counts.resumed) {
      this.#log?.write({ position: this.#done, key: this.#doneKey })
    }
  }

  #finish(): void {
    try {
      this.#writeLog()
    } finally {
      this.#log?.close(this.#failure === undefined)
    }
    this.#options.onProgress?.(this.progress)
  }

  /** How far the run has come. */
  get progress(): WarmProgress {
    return { ...this.#counts }
  }

  /** The outcome of the keys that failed; `error` if they failed for different reasons. */
  get fate(): Outcome {
    const [fate = 'error'] = this.#fates
    return this.#fates.size > 1 ? 'error' : fate
  }

  /** Adds the progress of the run to an error of the cache or of the signal. */
  #told(error: unknown): unknown {
    if (!isMintringError(error) || error.code === 'MINTRING_BAD_ARGUMENT') return error
    const { stored, skipped, failed } = this.#counts
    const isAborted = error.code === 'MINTRING_ABORTED'
    const why = isAborted ? 'was aborted by its signal' : `cannot continue: ${error.message}`
    const dot = why.endsWith('?') ? '' : '.'
    const counts = `${stored} stored, ${skipped} skipped, ${failed} failed`
    const again =
      this.#log === undefined
        ? 'Without resumeFrom the next run starts from the beginning'
        : 'Call it again with the same keys and resumeFrom to continue'
    return new MintringError(
      error.code,
      `The warm-up ${why}${dot} All of the first ${this.#done} keys are done (${counts}). ${again}`,
      { host: error.host, sent: error.sent, cause: isAborted ? error.cause : error },
    )
  }
}
