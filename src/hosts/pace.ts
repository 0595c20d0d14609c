import { performance, setImmediate } from '../runtime.ts'

/** How long a long task may block the event loop. */
const SHARE_MS = 5
/** Check the clock only after this many steps, because a check costs as much as a small step. */
const STEPS_PER_LOOK = 128

/** Yields to the event loop during a long task: `if (pace.isDue()) await pace.rest()`. */
export class DialPace {
  #steps = 0
  #endMs: number = performance.now() + SHARE_MS

  /** Counts a step. Returns whether the task should yield. */
  isDue(): boolean {
    if (++this.#steps < STEPS_PER_LOOK) return false
    this.#steps = 0
    return performance.now() >= this.#endMs
  }

  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#endMs = performance.now() + SHARE_MS
  }
}
