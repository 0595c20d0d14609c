import process from 'node:process'

/** What gathers requests until the turn's write. */
export interface Gatherer {
  flush(): void
}

/**
 * When the lanes of a client write. While nothing is in flight anywhere a request leaves at once:
 * whoever sent it is alone, and would only wait. Otherwise all that one turn of the event loop
 * brings leaves together at the turn's end, one write per lane.
 */
export class Turn {
  #gatherers: Gatherer[] = []
  #spare: Gatherer[] = []
  /** Lanes with something in flight. */
  #busy = 0
  #nowMs = 0

  /**
   * The clock of `performance.now()`, read once for all that leaves in one write: it begins then.
   */
  get nowMs(): number {
    if (this.#gatherers.length === 0) this.#nowMs = performance.now()
    return this.#nowMs
  }

  /** A lane has something in flight now, or no longer. */
  count(change: 1 | -1): void {
    this.#busy += change
  }

  /** Calls `gatherer.flush()` once, soon. */
  schedule(gatherer: Gatherer): void {
    this.#gatherers.push(gatherer)
    if (this.#gatherers.length > 1) return
    if (this.#busy === 0) process.nextTick(this.#flush)
    else setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    const gatherers = this.#gatherers
    this.#gatherers = this.#spare
    this.#spare = gatherers
    for (const gatherer of gatherers) gatherer.flush()
    gatherers.length = 0
  }
}
