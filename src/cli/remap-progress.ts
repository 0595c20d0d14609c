import type { CliIo } from './io.ts'

const WIDTH = 30
const REDRAW_MS = 100

/** A progress bar on standard error for long work. It is drawn only on a terminal. */
export class ProgressBar {
  readonly #io: CliIo
  readonly #now: () => number
  #drawnAt = 0
  #drawn = false

  /** `now` is a monotonic clock in milliseconds. */
  constructor(io: CliIo, now: () => number = () => performance.now()) {
    this.#io = io
    this.#now = now
    this.#drawnAt = now()
  }

  /** Draws the bar. `done` is from 0 to 1. */
  update(done: number): void {
    const now = this.#now()
    if (!this.#io.isTTY || now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    this.#drawn = true
    const full = Math.round(done * WIDTH)
    const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full)
    this.#io.err(`\r${bar} ${Math.floor(done * 100)} %`)
  }

  /** Removes the bar from the terminal. */
  clear(): void {
    if (this.#drawn) this.#io.err(`\r${' '.repeat(WIDTH + 6)}\r`)
  }
}
