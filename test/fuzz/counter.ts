import type { Report } from './report.ts'

const INCREMENTS = 40

/**
 * A counter that many callers increment by 1. It is never above the number of increments that may
 * have run, and no two callers get the same number. After some increments a new counter replaces
 * it, so that an unknown outcome weakens the checks only for a short time.
 */
export class Counter {
  readonly #name: string
  readonly #isAlone: boolean
  readonly #report: Report
  #generation = 0
  #count = new Count()

  constructor(name: string, isAlone: boolean, report: Report) {
    this.#name = name
    this.#isAlone = isAlone
    this.#report = report
  }

  /** The key to increment, and functions that report the outcome. */
  begin(): Increment {
    if (this.#count.begun >= INCREMENTS) {
      this.#generation++
      this.#count = new Count()
    }
    const key = `${this.#name}.${this.#generation}`
    this.#count.begun++
    return new Increment(key, this.#count, this.#isAlone, this.#report)
  }
}

/** What is known of one counter. */
class Count {
  begun = 0
  acknowledged = 0
  /** Increments that certainly did not run. */
  undone = 0
  readonly seen = new Set<bigint>()
}

/** One call of incr. */
class Increment {
  readonly key: string
  readonly #count: Count
  readonly #before: number
  readonly #isAlone: boolean
  readonly #report: Report

  constructor(key: string, count: Count, isAlone: boolean, report: Report) {
    this.key = key
    this.#count = count
    this.#before = count.acknowledged
    this.#isAlone = isAlone
    this.#report = report
  }

  done(result: unknown): void {
    const count = this.#count
    const most = count.begun - count.undone
    const what = `incr ${this.key} returned ${result}`
    count.acknowledged++
    if (typeof result !== 'bigint' || result < 1n) {
      this.#report.add('wrong', what)
      return
    }
    if (result > BigInt(most)) this.#report.add('twice', `${what} after ${most} increments`)
    if (!this.#isAlone) return
    if (count.seen.has(result)) this.#report.add('falseAcks', `${what}, as another caller's did`)
    else if (result <= BigInt(this.#before)) {
      this.#report.add('stale', `${what}, though ${this.#before} had been acknowledged`)
    }
    count.seen.add(result)
  }

  undone(): void {
    this.#count.undone++
  }
}
