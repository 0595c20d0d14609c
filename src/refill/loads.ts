import type { Clock } from './clock.ts'
import { type Bypass, Flight } from './flight.ts'
import { withinWait } from './share.ts'

/**
 * How long close() waits for replies that may give this client a lease, in parts: between two parts
 * a process that was blocked reads the replies that have arrived.
 */
const LAST_REPLIES_MS = 100
const LAST_REPLIES_PARTS = 5
const PART_MS = LAST_REPLIES_MS / LAST_REPLIES_PARTS

/** Tracks a client's running loads and background work, so that close() can wait for them. */
export class Loads {
  readonly #clock: Clock
  readonly #loads = new Set<Flight | Bypass>()
  readonly #background = new Set<Promise<void>>()
  /** Why no more loads start; undefined as long as they may. */
  closedWith: unknown
  #asked = 0
  #wake: (() => void) | undefined

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

  /** Records that a command was sent that may give this client a lease. */
  asks(): void {
    this.#asked++
  }

  replied(): void {
    this.#asked--
    if (this.#asked === 0) this.#wake?.()
  }

  inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#background.delete(tracked))
    this.#background.add(tracked)
  }

  /** Waits for the loads for up to `drainMs`, then aborts them. Releases all leases. */
  async close(drainMs: number, reason: unknown): Promise<void> {
    await withinWait(this.#clock, drainMs, this.#ended())
    this.closedWith = reason
    for (const load of this.#loads) load.abandon(reason)
    const endMs = this.#clock.nowMs() + LAST_REPLIES_MS
    for (let part = 0; part < LAST_REPLIES_PARTS; part++) {
      await withinWait(this.#clock, PART_MS, this.#allReplied())
    }
    // By now all leases are on their way back, and a host that hangs would confirm none of them.
    const leftMs = Math.max(PART_MS, endMs - this.#clock.nowMs())
    await withinWait(this.#clock, leftMs, this.#over())
  }

  /** Resolves when all loads have ended, and the aborted ones have released their leases. */
  async #over(): Promise<void> {
    await this.#ended()
    await Promise.all(this.#background)
  }

  async #allReplied(): Promise<void> {
    // A reply can lead to another command, so repeat until none is pending.
    while (this.#asked > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #ended(): Promise<void> {
    const flights = [...this.#loads].filter((load): load is Flight => load instanceof Flight)
    await Promise.allSettled(flights.map(({ promise }) => promise))
  }
}
