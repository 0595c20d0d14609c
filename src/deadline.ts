import { MintringError, unreadableOptions } from './errors.ts'
import { clearTimeout, performance, setImmediate, setTimeout } from './runtime.ts'

/** The limits that a caller sets for an operation: a signal and a timeout. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** Something that a signal can abort: a request in flight, or a wait. */
export interface Abortable {
  /** Whether bytes of the request left the process. */
  readonly sent?: boolean
  reject(error: MintringError): void
}

/** Runs `task` once after `delayMs`. Returns a handle that cancels it. */
export type After = (delayMs: number, task: () => void) => { cancel(): void }

/**
 * If a timer fires later than this, the event loop was blocked. A missing reply is then not the
 * server's fault.
 */
export const BLOCKED_MS = 50

/** The longest delay of a Node timer, in milliseconds. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/**
 * The time limit of a request that has none, in milliseconds: over a day. Unlike Infinity, V8
 * stores it as it stores other limits: it would drop the optimized code of all requests.
 */
export const NO_LIMIT_MS: number = 2 ** 27

/**
 * Throws MINTRING_BAD_ARGUMENT if a bound is invalid, MINTRING_ABORTED if the signal has already
 * fired.
 */
export function checkBounds(bounds: Bounds): void {
  try {
    const { signal, timeoutMs } = bounds
    if (timeoutMs !== undefined) checkTimeoutMs(timeoutMs)
    if (signal !== undefined) checkSignal(signal)
  } catch (error) {
    throw unreadableOptions(error)
  }
}

/** Returns `timeoutMs`, or throws MINTRING_BAD_ARGUMENT. */
export function checkTimeoutMs(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS) return timeoutMs
  const shown = typeof timeoutMs === 'number' ? timeoutMs : `a ${typeof timeoutMs}`
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    `timeoutMs must be milliseconds above 0 and at most ${MAX_TIMER_MS}, not ${shown}`,
  )
}

/**
 * Throws MINTRING_BAD_ARGUMENT if `signal` is not an AbortSignal, MINTRING_ABORTED if it has fired.
 */
export function checkSignal(signal: AbortSignal): void {
  if (!isSignal(signal)) {
    throw new MintringError(
      'MINTRING_BAD_ARGUMENT',
      'signal must be an AbortSignal: pass controller.signal, or AbortSignal.timeout(ms)',
    )
  }
  if (signal.aborted) throw abortedBy(signal)
}

/** Checks the methods rather than the class: jsdom and vm contexts have their own AbortSignal. */
function isSignal(signal: unknown): signal is AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** Creates the error of an operation whose signal fired. */
export function abortedBy(signal: AbortSignal, sent = false): MintringError {
  return new MintringError('MINTRING_ABORTED', 'The operation was aborted by its signal', {
    cause: signal.reason,
    sent,
  })
}

/**
 * The targets that each signal aborts. They share one listener per signal: Node warns about a
 * signal with many listeners.
 */
const followers = new WeakMap<AbortSignal, Set<Abortable>>()

/**
 * Rejects `target` when the signal fires. Returns a function that removes the target: call it when
 * the target has settled, or the signal keeps it in memory.
 */
export function onAbort(signal: AbortSignal, target: Abortable): () => void {
  let group = followers.get(signal)
  if (group === undefined) {
    group = new Set()
    followers.set(signal, group)
  }
  if (group.size === 0) signal.addEventListener('abort', abortFollowers)
  const members = group.add(target)
  return () => {
    if (members.delete(target) && members.size === 0) {
      signal.removeEventListener('abort', abortFollowers)
    }
  }
}

function abortFollowers(event: Event): void {
  const signal = event.target as AbortSignal
  const group = followers.get(signal) ?? new Set()
  for (const target of [...group]) target.reject(abortedBy(signal, target.sent === true))
  group.clear()
  signal.removeEventListener('abort', abortFollowers)
}

/**
 * Returns `work` with limits. It rejects with `late()` after `timeoutMs`, and with MINTRING_ABORTED
 * when the signal fires. The work itself goes on, and its result is then dropped.
 */
export function within<Value>(
  work: Promise<Value>,
  { signal, timeoutMs, sent }: Bounds & { readonly sent?: boolean },
  late: () => MintringError,
  after: After = afterMs,
): Promise<Value> {
  if (signal === undefined && timeoutMs === undefined) return work
  return new Promise((resolve, reject) => {
    const timer = timeoutMs === undefined ? undefined : after(timeoutMs, () => end(late()))
    const leave =
      signal === undefined ? undefined : onAbort(signal, { sent: sent === true, reject: end })
    function stop(): void {
      timer?.cancel()
      leave?.()
    }
    function end(error: MintringError): void {
      stop()
      reject(error)
    }
    work.then(resolve, reject)
    work.then(stop, stop)
  })
}

function afterMs(delayMs: number, task: () => void): { cancel(): void } {
  const timer = setTimeout(task, Math.min(delayMs, MAX_TIMER_MS))
  return { cancel: () => clearTimeout(timer) }
}

/**
 * The deadline of an operation with several steps. The steps share the timeout of the caller. If
 * the caller set none, each step has the default timeout.
 */
export class Deadline {
  readonly #endMs: number
  readonly #signal: AbortSignal | undefined
  readonly #what: string
  readonly #timeoutMs: number
  readonly #hostOf: () => string | undefined
  /** Whether a server may have executed a step: the value of `sent` in this deadline's errors. */
  sent = false

  /**
   * `what` is the subject of the error message, such as `set`. `usualMs` may be Infinity. `hostOf`
   * returns the name of the host that most steps wait for. Throws what checkBounds() throws.
   */
  constructor(
    what: string,
    bounds: Bounds | undefined,
    usualMs: number,
    hostOf: () => string | undefined = () => undefined,
  ) {
    if (bounds !== undefined) checkBounds(bounds)
    const { signal, timeoutMs } = bounds ?? {}
    this.#what = what
    this.#hostOf = hostOf
    this.#signal = signal
    this.#timeoutMs = timeoutMs ?? usualMs
    this.#endMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs
  }

  get isOver(): boolean {
    return performance.now() >= this.#endMs
  }

  /**
   * Returns the bounds of the next step. Throws MINTRING_TIMEOUT or MINTRING_ABORTED if the
   * operation has no time left.
   */
  next(): Bounds {
    if (this.#signal?.aborted === true) throw abortedBy(this.#signal, this.sent)
    const signal = this.#signal
    if (this.#endMs === Number.POSITIVE_INFINITY) return { signal }
    const timeoutMs = this.#endMs - performance.now()
    if (timeoutMs <= 0) throw this.#late()
    return { signal, timeoutMs }
  }

  /**
   * Returns the promise of a step, which rejects with MINTRING_TIMEOUT at the deadline. `why` is
   * what the step waits for, if it is no host.
   */
  bound<Value>(work: Promise<Value>, why?: string): Promise<Value> {
    const leftMs = Math.min(this.#timeoutMs, Math.max(0, this.#endMs - performance.now()))
    const timeoutMs = leftMs === Number.POSITIVE_INFINITY ? undefined : leftMs
    const bounds = { signal: this.#signal, timeoutMs, sent: this.sent }
    return within(work, bounds, () => this.#late(why))
  }

  #late(why?: string): MintringError {
    const host = why === undefined ? this.#hostOf() : undefined
    const waited = why ?? (host === undefined ? 'no host was asked' : `it waited for ${host}`)
    const afterMs = Math.round(this.#timeoutMs)
    const message = `${this.#what} was not done after ${afterMs} ms: ${waited}`
    return new MintringError('MINTRING_TIMEOUT', message, { host, sent: this.sent })
  }
}

/**
 * The time limit of steps that run at the same time, however many they are: when none of them has
 * ended for `stallMs`, those that remain reject with `late()`.
 */
export class StallLimit {
  readonly #stallMs: number
  readonly #late: () => MintringError
  readonly #running = new Set<(error: MintringError) => void>()
  #timer: NodeJS.Timeout | undefined
  #ended = 0

  constructor(stallMs: number, late: () => MintringError) {
    this.#stallMs = Math.min(Math.ceil(stallMs), MAX_TIMER_MS)
    this.#late = late
  }

  /** Returns the promise of a step, with this limit. */
  bound<Value>(step: Promise<Value>): Promise<Value> {
    this.#timer ??= setTimeout(() => this.#look(), this.#stallMs)
    return new Promise((resolve, reject) => {
      this.#running.add(reject)
      const over = (): void => {
        this.#running.delete(reject)
        this.#ended++
        if (this.#running.size > 0) this.#timer?.refresh()
        else this.#stop()
      }
      step.then(resolve, reject)
      step.then(over, over)
    })
  }

  /** Steps may have ended while the event loop was blocked: lets them report that first. */
  #look(): void {
    const before = this.#ended
    setImmediate(() => {
      if (this.#ended === before) this.#end()
    })
  }

  #end(): void {
    this.#stop()
    const error = this.#late()
    for (const reject of this.#running) reject(error)
    this.#running.clear()
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/**
 * Resolves when the promise settles, or after `timeoutMs`. Begins again if the event loop was
 * blocked meanwhile: what the promise waits for may be in a socket that was not read.
 */
export function settledWithin(timeoutMs: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout
    const wait = (): void => {
      const dueMs = performance.now() + timeoutMs
      timer = setTimeout(() => {
        if (performance.now() - dueMs > BLOCKED_MS) wait()
        else resolve()
      }, timeoutMs)
    }
    const end = (): void => {
      clearTimeout(timer)
      resolve()
    }
    wait()
    promise.then(end, end)
  })
}
