import { BLOCKED_MS, NO_LIMIT_MS } from '../deadline.ts'
import { clearImmediate, clearTimeout, performance, setImmediate, setTimeout } from '../runtime.ts'

/** How many event loop ticks a blocked process gets to read what waits in its sockets. */
const CATCH_UP_TURNS = 3

/**
 * The timer of a connection. It calls `onDue` after pending reads, so that replies which arrived in
 * time, but were not read because the event loop was blocked, do not count as late. A pending timer
 * keeps the process alive: between two dials nothing else does, and the caller's promise would
 * never settle. Only that of a request without a time limit does not.
 */
export class Watch {
  readonly #onDue: (nowMs: number, blockedMs: number) => number
  #blockedMs = 0
  #dueMs = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined

  /**
   * `onDue` returns when to check again, on the clock of `performance.now()`; Infinity for never.
   * `blockedMs` is how long the event loop was blocked when the time had come; 0 if it was not.
   */
  constructor(onDue: (nowMs: number, blockedMs: number) => number) {
    this.#onDue = onDue
  }

  /** Checks at `deadlineMs` or earlier. */
  by(deadlineMs: number): void {
    if (deadlineMs < this.#dueMs) this.#arm(deadlineMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  #arm(dueMs: number): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#turn)
    this.#dueMs = dueMs
    const delayMs = Math.max(0, dueMs - performance.now())
    this.#timer = setTimeout(this.#onTimer, delayMs)
    // The limit of a request that waits for its connection may be a second nearer already.
    if (delayMs >= NO_LIMIT_MS / 2) this.#timer.unref()
  }

  readonly #onTimer = (): void => {
    const lateMs = performance.now() - this.#dueMs
    this.#blockedMs = lateMs > BLOCKED_MS ? Math.ceil(lateMs) : 0
    // Keep by() from setting a timer while the reads are pending.
    this.#dueMs = Number.NEGATIVE_INFINITY
    this.#afterReads(this.#blockedMs > 0 ? CATCH_UP_TURNS : 1)
  }

  #afterReads(turns: number): void {
    this.#turn = setImmediate(() => {
      if (turns > 1) this.#afterReads(turns - 1)
      else this.#look()
    })
  }

  /** Resets the time first, because `onDue` may call by(). */
  #look(): void {
    this.#dueMs = Number.POSITIVE_INFINITY
    this.by(this.#onDue(performance.now(), this.#blockedMs))
  }
}
