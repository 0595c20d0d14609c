import type { FlightDeck } from './flight.ts'
import { Flight } from './flight.ts'
import type { Ask } from './loading.ts'
import type { Path } from './path.ts'
import type { Finding } from './verdict.ts'

/** The refills of this process: at most one per key that callers may join. */
export class Flights {
  readonly #deck: FlightDeck
  readonly #joinable = new Map<string, Flight>()
  /** All that have not ended, joinable or not: close() waits for them. */
  readonly #flying = new Set<Flight>()

  constructor(deck: FlightDeck) {
    this.#deck = deck
  }

  get size(): number {
    return this.#joinable.size + this.#flying.size
  }

  /** The flight under the lease that a reading met, or undefined. */
  under(key: string, finding: Finding): Flight | undefined {
    if (this.#joinable.size === 0) return undefined
    const flight = this.#joinable.get(key)
    return flight?.holds(finding.lease) === true ? flight : undefined
  }

  /** Starts the flight that a reading won, unless another caller of the same reading did. */
  start(ask: Ask, path: Path, finding: Finding, onFailed: () => void): Flight {
    const { key } = ask
    const under = this.under(key, finding)
    if (under !== undefined) return under
    const flight: Flight = new Flight(ask, path, finding, this.#deck, () => {
      if (this.#joinable.get(key) === flight) this.#joinable.delete(key)
    })
    this.#joinable.set(key, flight)
    this.#flying.add(flight)
    const land = (): void => {
      this.#flying.delete(flight)
    }
    flight.promise.then(land, () => {
      land()
      onFailed()
    })
    return flight
  }

  /** Nobody joins the key's flight any more. Its own callers keep it. */
  detach(key: string): void {
    this.#joinable.delete(key)
  }

  /** Resolves when all that fly now have ended. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#flying].map((flight) => flight.promise))
  }

  /** Aborts the loaders of all. */
  abandonAll(reason: unknown): void {
    for (const flight of this.#flying) flight.abandon(reason)
  }
}
