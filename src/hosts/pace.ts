import { performance, setImmediate } from '../runtime.ts'

/** How long a piece of work may hold the event loop. */
const SHARE_MS = 5
/** Asking the clock costs as much as a small step of the work. */
const STEPS_PER_LOOK = 128

/** Lets others run while a long piece of work goes on: `if (pace.isDue()) await pace.rest()`. */
export class DialPace {
  #steps = 0
  #endMs: number = performance.now() + SHARE_MS

  /** Counts a step. Returns whether the work has had its share of this turn. */
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
