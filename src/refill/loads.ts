import type { Clock } from './clock.ts'
import { type Bypass, Flight } from './flight.ts'
import { withinWait } from './share.ts'

/** Tracks a client's running loads and background work, so that close() can wait for them. */
export class Loads {
  readonly #clock: Clock
  readonly #loads = new Set<Flight | Bypass>()
  readonly #background = new Set<Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#loads.size + this.#background.size
  }

  track(load: Flight | Bypass, end: Promise<unknown>): void {
    this.#loads.add(load)
    const over = (): void => {
      this.#loads.delete(load)
    }
    end.then(over, over)
  }

  inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#background.delete(tracked))
    this.#background.add(tracked)
  }

  /** Waits for the loads for up to `drainMs`, then aborts them. Releases all leases. */
  async close(drainMs: number, reason: unknown): Promise<void> {
    const ended = this.#ended()
    await withinWait(this.#clock, drainMs, ended)
    for (const load of this.#loads) load.abandon(reason)
    await ended
    await Promise.all(this.#background)
  }

  async #ended(): Promise<void> {
    const flights = [...this.#loads].filter((load): load is Flight => load instanceof Flight)
    await Promise.allSettled(flights.map(({ promise }) => promise))
  }
}
