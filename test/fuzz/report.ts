import { History } from './history.ts'
import type { LoopClock } from './loop-clock.ts'

/** The faults that a run can find: the count of each must be 0. */
export const COLUMNS = [
  // A value of another key, or one that nobody wrote.
  'wrong',
  // A value older than an acknowledged write.
  'stale',
  // False results: done, but it was not; not done, but it was; or an acknowledged write is lost.
  'falseAcks',
  // Commands that ran twice.
  'twice',
  // Error lines of the server, and errors that occur only if client and server misread each other.
  'protocol',
  // Calls that settled after their deadline, or never.
  'late',
  // Connections, requests or memory that were not released.
  'growth',
  // Unhandled rejections: they would end the process.
  'crashes',
] as const

export type Column = (typeof COLUMNS)[number]

const MAX_EXAMPLES = 5

/** What a run saw. */
export class Report {
  /** Calls that began, and calls that settled. */
  issued = 0
  settled = 0
  readonly found: Record<Column, number> = {
    wrong: 0,
    stale: 0,
    falseAcks: 0,
    twice: 0,
    protocol: 0,
    late: 0,
    growth: 0,
    crashes: 0,
  }
  /** The first few faults found for each column, as text. */
  readonly examples: string[] = []
  /** How many reads hit, and how many missed. */
  hits = 0
  misses = 0
  /** Rejections by code. */
  readonly errors: Record<string, number> = {}
  readonly clock: LoopClock
  readonly history: History

  constructor(clock: LoopClock, history = new History()) {
    this.clock = clock
    this.history = history
  }

  /** Counts a fault. The first ones are examples, with the history of their key. */
  add(column: Column, example: string, key = ''): void {
    this.found[column]++
    if (this.found[column] > MAX_EXAMPLES) return
    this.examples.push(`${column}: ${example}${this.history.of(key)}`)
  }

  get total(): number {
    return Object.values(this.found).reduce((sum, count) => sum + count, 0)
  }
}
