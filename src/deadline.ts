import { MintringError } from './errors.ts'
import { clearTimeout, performance, setTimeout } from './runtime.ts'

/** What bounds an operation of a caller. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** Something a signal can end: a request on its way, or a wait. */
export interface Abortable {
  /** Whether bytes left the process. */
  readonly sent?: boolean
  reject(error: MintringError): void
}

/** Runs `task` once, later; answers how to call it off. */
export type After = (delayMs: number, task: () => void) => { cancel(): void }

/** The longest a timer of Node's can wait. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1

/**
 * Throws MINTRING_BAD_ARGUMENT for bounds that are invalid, MINTRING_ABORTED when the signal has
 * fired: nothing can start then.
 */
export function checkBounds({ signal, timeoutMs }: Bounds): void {
  if (timeoutMs !== undefined) checkTimeoutMs(timeoutMs)
  if (signal !== undefined) checkSignal(signal)
}

/** The milliseconds, or MINTRING_BAD_ARGUMENT. */
export function checkTimeoutMs(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS) return timeoutMs
  const shown = typeof timeoutMs === 'number' ? timeoutMs : `a ${typeof timeoutMs}`
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    `timeoutMs must be milliseconds above 0 and at most ${MAX_TIMER_MS}, not ${shown}`,
  )
}

/** Throws MINTRING_BAD_ARGUMENT for what is no signal, MINTRING_ABORTED for one that has fired. */
export function checkSignal(signal: AbortSignal): void {
  if (!isSignal(signal)) {
    throw new MintringError(
      'MINTRING_BAD_ARGUMENT',
      'signal must be an AbortSignal: pass controller.signal, or AbortSignal.timeout(ms)',
    )
  }
  if (signal.aborted) throw abortedBy(signal)
}

/** By what it can do: jsdom and vm contexts have a class of their own. */
function isSignal(signal: unknown): signal is AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function'
}

/** The error of an operation whose signal fired. */
export function abortedBy(signal: AbortSignal, sent = false): MintringError {
  return new MintringError('MINTRING_ABORTED', 'The operation was aborted by its signal', {
    cause: signal.reason,
    sent,
  })
}

/**
 * What each signal can end. One listener per signal: a signal shared by many operations would
 * otherwise collect a listener for each, and Node warns of that.
 */
const followers = new WeakMap<AbortSignal, Set<Abortable>>()

/**
 * Rejects `target` when the signal fires. Answers how to stop: call it when the target has settled,
 * for a signal with a listener is kept in memory.
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
 * The promise within bounds: it rejects with `late()` after `timeoutMs`, with MINTRING_ABORTED when
 * the signal fires, whatever the work does. A result that comes later is dropped.
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
  const timer = setTimeout(task, Math.min(Math.ceil(delayMs), MAX_TIMER_MS))
  return { cancel: () => clearTimeout(timer) }
}

/**
 * The end of an operation of several steps. The steps share the time that the caller named; without
 * one each step has the usual time.
 */
export class Deadline {
  readonly #endMs: number
  readonly #signal: AbortSignal | undefined
  readonly #what: string
  readonly #timeoutMs: number
  /** A step may have been executed: errors say so. */
  sent = false

  /** `what` begins the message of the error: `set`, for one. Throws as checkBounds(). */
  constructor(what: string, bounds: Bounds | undefined, usualMs: number) {
    if (bounds !== undefined) checkBounds(bounds)
    const { signal, timeoutMs } = bounds ?? {}
    this.#what = what
    this.#signal = signal
    this.#timeoutMs = timeoutMs ?? usualMs
    this.#endMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs
  }

  /** The bounds of the next step. Throws MINTRING_TIMEOUT or MINTRING_ABORTED when it is over. */
  next(): Bounds {
    if (this.#signal?.aborted === true) throw abortedBy(this.#signal, this.sent)
    const signal = this.#signal
    if (this.#endMs === Number.POSITIVE_INFINITY) return { signal }
    const timeoutMs = this.#endMs - performance.now()
    if (timeoutMs <= 0) throw this.#late()
    return { signal, timeoutMs }
  }

  /** The work of a step, or a rejection at the end of its time, whichever is first. */
  bound<Value>(work: Promise<Value>): Promise<Value> {
    const leftMs = Math.min(this.#timeoutMs, Math.max(0, this.#endMs - performance.now()))
    const bounds = { signal: this.#signal, timeoutMs: leftMs, sent: this.sent }
    return within(work, bounds, () => this.#late())
  }

  #late(): MintringError {
    const message = `${this.#what} was not done after ${Math.round(this.#timeoutMs)} ms`
    return new MintringError('MINTRING_TIMEOUT', message, { sent: this.sent })
  }
}
