import { clearTimeout, performance, setTimeout, unixMs } from '../runtime.ts'

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
  /** Runs `task` once, later. The timer does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer
}

/** The real clock. */
export const refillClock: Clock = {
  nowMs: () => performance.now(),
  unixSeconds: () => Math.floor(unixMs() / 1000),
  random: Math.random,
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
