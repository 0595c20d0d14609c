import type { Clock } from './clock.ts'
import type { EntryState, RefillEntry } from './entry.ts'
import type { Ask } from './loading.ts'
import { load } from './loading.ts'

interface Bypass {
  readonly promise: Promise<unknown>
  readonly abort: AbortController
}

/**
 * Loads without the cache: it cannot be reached, or another client's load takes too long. Nothing
 * is stored. One per key in this process, because an outage must not become a stampede.
 */
export class Bypasses {
  readonly #clock: Clock
  readonly #running = new Map<string, Bypass>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#running.size
  }

  /** Joins the load that runs for the key, or starts one. */
  async load(ask: Ask, state: EntryState): Promise<RefillEntry> {
    const running = this.#running.get(ask.key) ?? this.#start(ask)
    return { value: await running.promise, state }
  }

  /** Later callers start a load of their own: what runs began before an invalidation. */
  detach(key: string): void {
    this.#running.delete(key)
  }

  abandonAll(reason: unknown): void {
    for (const bypass of this.#running.values()) bypass.abort.abort(reason)
  }

  #start(ask: Ask): Bypass {
    const abort = new AbortController()
    const promise = load(ask, undefined, this.#clock, abort).then((loaded) => loaded.value)
    const bypass: Bypass = { promise, abort }
    this.#running.set(ask.key, bypass)
    const end = (): void => {
      if (this.#running.get(ask.key) === bypass) this.#running.delete(ask.key)
    }
    promise.then(end, end)
    return bypass
  }
}
