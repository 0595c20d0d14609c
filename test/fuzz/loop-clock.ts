const TICK_MS = 5

/**
 * Counts milliseconds of a free event loop: it nearly stops while the process computes or waits for
 * a CPU, so that a deadline measured with it also holds on a busy machine.
 */
export class LoopClock {
  readonly #startMs = performance.now()
  #freeMs = 0
  #tickMs = performance.now()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => {
      this.#freeMs = this.freeMs
      this.#tickMs = performance.now()
    }, TICK_MS)
  }

  get freeMs(): number {
    return this.#freeMs + Math.min(performance.now() - this.#tickMs, 2 * TICK_MS)
  }

  /** Milliseconds so far in which the event loop was not free. */
  get busyMs(): number {
    return performance.now() - this.#startMs - this.freeMs
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
