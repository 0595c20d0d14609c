import type { Clock, Timer } from '../clock.ts'

interface Due extends Timer {
  readonly atMs: number
  readonly order: number
  task: (() => void) | undefined
}

/**
 * A clock that advances only when nothing is left to do: simulating a day takes seconds, and the
 * same seed gives the same day. Tasks due at the same time run in the order in which they were
 * scheduled.
 */
export class VirtualTime {
  #nowMs = 0
  #order = 0
  readonly #heap: Due[] = []
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  random(): number {
    return this.#random()
  }

  after(delayMs: number, task: () => void): Timer {
    const due: Due = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      task,
      cancel() {
        due.task = undefined
      },
    }
    this.#push(due)
    return due
  }

  /** Returns a clock for one process. Its timers do not fire once `isAlive` returns false. */
  clock(isAlive: () => boolean = () => true): Clock {
    return {
      nowMs: () => this.#nowMs,
      unixSeconds: () => Math.floor(this.#nowMs / 1000),
      random: () => this.#random(),
      after: (delayMs, task) =>
        this.after(delayMs, () => {
          if (isAlive()) task()
        }),
    }
  }

  /**
   * Runs all tasks that are due until `untilMs`, one time after another, with the promises that
   * they resolve.
   */
  async run(untilMs: number, afterEach: () => void = () => {}): Promise<void> {
    await settled()
    for (
      let next = this.#heap[0];
      next !== undefined && next.atMs <= untilMs;
      next = this.#heap[0]
    ) {
      this.#nowMs = next.atMs
      while (this.#heap[0] !== undefined && this.#heap[0].atMs === this.#nowMs) {
        this.#pop().task?.()
      }
      await settled()
      afterEach()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(due, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): Due {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return top
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}

/**
 * Returns a generator of numbers from 0 to 1, determined by the seed: mulberry32 (Tommy Ettinger,
 * public domain).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Resolves when no promise callback is left to run. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
