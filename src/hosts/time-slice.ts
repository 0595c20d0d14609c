import { performance, setImmediate } from '../runtime.ts'

/** How long a task may block the event loop, if a caller waits for it. */
const SLICE_MS = 5
/** Check the clock only after this many steps, because a check costs as much as a small step. */
const STEPS_PER_LOOK = 128

/** Yields to the event loop during a long task: `if (slice.isOver()) await slice.next()`. */
export class TimeSlice {
  readonly #sliceMs: number
  #steps = 0
  /** When the slice ends; undefined until the first look. */
  #endMs: number | undefined

  /** `sliceMs`: how long it may block the event loop. */
  constructor(sliceMs: number = SLICE_MS) {
    this.#sliceMs = sliceMs
  }

  /** Counts a step. Returns whether the task should yield. */
  isOver(): boolean {
    if (++this.#steps < STEPS_PER_LOOK) return false
    this.#steps = 0
    const nowMs = performance.now()
    this.#endMs ??= nowMs + this.#sliceMs
    return nowMs >= this.#endMs
  }

  /** Resolves in the next event loop tick, in which the task may go on. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#endMs = undefined
  }
}
