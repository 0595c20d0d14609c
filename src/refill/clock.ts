import { clearTimeout, performance, setTimeout, unixMs } from '../runtime.ts'

/** A timer that can be called off. */
export interface Timer {
  cancel(): void
}

/** Time and chance as refills see them: passed in, so that a simulation can own both. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number
  /** Wall-clock seconds: only the classic path, which has no other clock, reads it. */
  unixSeconds(): number
  /** From 0 up to, not including, 1. */
  random(): number
  /** Runs `task` once, later. Such a timer does not hold the process. */
  after(delayMs: number, task: () => void): Timer
}

/** The clock of the machine. */
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
