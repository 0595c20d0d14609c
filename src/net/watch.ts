import { clearImmediate, clearTimeout, performance, setImmediate, setTimeout } from '../runtime.ts'

/** Later than this, the event loop was blocked, not the peer slow. */
const BLOCKED_MS = 50
/** How many turns of the loop a blocked process gets to read what waits in its sockets. */
const CATCH_UP_TURNS = 3

/**
 * The one timer of a lane. It looks at `onDue` after the reads that are pending, so that replies
 * that came in time but were not read, because the event loop was busy, are not called late.
 * While something is due it holds the process: between two dials nothing else would, and the
 * caller's promise would never settle.
 */
export class Watch {
  readonly #onDue: (nowMs: number) => number
  #dueMs = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined

  /** `onDue` answers when to look again, on the clock of `performance.now()`; Infinity for not. */
  constructor(onDue: (nowMs: number) => number) {
    this.#onDue = onDue
  }

  /** Looks at `deadlineMs` or earlier. */
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
    // A timer may fire a fraction of a millisecond early by this clock.
    const waitMs = Math.max(0, Math.ceil(dueMs - performance.now()))
    this.#timer = setTimeout(this.#onTimer, waitMs)
  }

  readonly #onTimer = (): void => {
    const isBlocked = performance.now() - this.#dueMs > BLOCKED_MS
    // Nothing is due earlier than now: `by` must not arm again while the reads are awaited.
    this.#dueMs = Number.NEGATIVE_INFINITY
    this.#afterReads(isBlocked ? CATCH_UP_TURNS : 1)
  }

  #afterReads(turns: number): void {
    this.#turn = setImmediate(() => {
      if (turns > 1) this.#afterReads(turns - 1)
      else this.#look()
    })
  }

  /** What `onDue` sets off may ask to be watched too. */
  #look(): void {
    this.#dueMs = Number.POSITIVE_INFINITY
    this.by(this.#onDue(performance.now()))
  }
}
