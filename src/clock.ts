import { clearTimeout, performance, setTimeout, unixMs } from './runtime.ts'

/** A timer that can be cancelled. */
export interface Timer {
  cancel(): void
}

/** The source of time and randomness for refills; simulations pass their own. */
export interface Clock {
  /** Returns monotonic milliseconds. */
  nowMs(): number
  /** Returns wall-clock seconds. Only the classic path uses it, because it has no other clock. */
  unixSeconds(): number
  /** Returns a random number from 0 up to, but not including, 1. */
  random(): number
  /**
   * Runs `task` once, later. The timer keeps the process alive, because a caller may wait for it
   * alone when no connection is open; set `isBackground` if none does.
   */
  after(delayMs: number, task: () => void, isBackground?: boolean): Timer
}

/** The real clock. */
export const refillClock: Clock = {
  nowMs: () => performance.now(),
  unixSeconds: () => Math.floor(unixMs() / 1000),
  random: Math.random,
  after(delayMs, task, isBackground = false) {
    const timer = setTimeout(task, delayMs)
    if (isBackground) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
