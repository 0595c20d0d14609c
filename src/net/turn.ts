import { nextTick, setImmediate } from '../runtime.ts'

/** What gathers requests until the turn's write. */
export interface Gatherer {
  /** How many requests wait for it. */
  readonly queued: number
  flush(): void
}

/**
 * When the lanes of a client write: at once, or all that one turn of the event loop brings together
 * at the turn's end, one write per lane. While something is in flight it is the turn's end.
 * Otherwise it is as the last turns were: callers that are independent of each other come one by
 * one in the same turn, and waiting batches them; a lone request would only wait.
 */
export class Turn {
  #gatherers: Gatherer[] = []
  #spare: Gatherer[] = []
  /** Lanes with something in flight. */
  #busy = 0
  /** What writing at once would have gathered. */
  #atOnce = 0
  /** The last turn that waited for its end gathered more. */
  #isWaitingWorth = false

  /** A lane has something in flight now, or no longer. */
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
