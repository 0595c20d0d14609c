import { nextTick, setImmediate } from '../runtime.ts'

/** A connection that collects requests until the event loop tick's one write. */
export interface Gatherer {
  /** How many requests are waiting. */
  readonly queued: number
  flush(): void
}

/**
 * Decides when the connections of a client write: by process.nextTick, or at the end of the event
 * loop's tick with one write per connection. While requests are in flight, it waits for the end.
 * Otherwise it depends on the last tick that waited: if waiting collected more requests than
 * nextTick would have, it waits again. A single request would only lose time by waiting.
 */
export class Turn {
  #gatherers: Gatherer[] = []
  #spare: Gatherer[] = []
  /** How many connections have requests in flight. */
  #busy = 0
  /** How many requests an early write would have collected. */
  #atOnce = 0
  /** Whether waiting collected more requests the last time. */
  #isWaitingWorth = false

  /** Counts the connections with requests in flight: 1 adds one, -1 removes one. */
  count(change: 1 | -1): void {
    this.#busy += change
  }

  /** Calls `gatherer.flush()` once, soon. */
  schedule(gatherer: Gatherer): void {
    this.#gatherers.push(gatherer)
    if (this.#gatherers.length > 1) return
    if (this.#busy === 0 && !this.#isWaitingWorth) {
      nextTick(this.#flush)
    } else {
      nextTick(this.#note)
      setImmediate(this.#flushAtEnd)
    }
  }

  readonly #note = (): void => {
    this.#atOnce = this.#queued
  }

  readonly #flushAtEnd = (): void => {
    this.#isWaitingWorth = this.#queued > this.#atOnce
    this.#flush()
  }

  readonly #flush = (): void => {
    const gatherers = this.#gatherers
    this.#gatherers = this.#spare
    this.#spare = gatherers
    for (const gatherer of gatherers) gatherer.flush()
    gatherers.length = 0
  }

  get #queued(): number {
    let queued = 0
    for (const gatherer of this.#gatherers) queued += gatherer.queued
    return queued
  }
}
