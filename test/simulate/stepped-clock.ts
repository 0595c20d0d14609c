import type { Clock, Timer } from '../../src/clock.ts'

interface Alarm {
  readonly atMs: number
  run: (() => void) | undefined
}

/** A clock that stands still until it is told to go on. */
export class SteppedClock implements Clock {
  #nowMs = 0
  readonly #alarms: Alarm[] = []
  readonly #onPass: (ms: number) => void

  constructor(onPass: (ms: number) => void) {
    this.#onPass = onPass
  }

  /** Whether a timer is pending. */
  get hasNext(): boolean {
    return this.#next !== undefined
  }

  /** Goes on to the next timer and runs it; returns false if there is none. */
  next(): boolean {
    const due = this.#next
    if (due === undefined) return false
    this.passTo(Math.max(this.#nowMs, due.atMs))
    const { run } = due
    due.run = undefined
    run!()
    return true
  }

  passTo(ms: number): void {
    this.#nowMs = ms
    this.#onPass(ms)
  }

  nowMs(): number {
    return this.#nowMs
  }

  unixSeconds(): number {
    return 1_000_000 + Math.floor(this.#nowMs / 1000)
  }

  random(): number {
    return 0.5
  }

  after(delayMs: number, task: () => void): Timer {
    const alarm: Alarm = { atMs: this.#nowMs + delayMs, run: task }
    this.#alarms.push(alarm)
    return {
      cancel() {
        alarm.run = undefined
      },
    }
  }

  get #next(): Alarm | undefined {
    return this.#alarms
      .filter(({ run }) => run !== undefined)
      .sort((one, other) => one.atMs - other.atMs)[0]
  }
}
