import type { Clock, Timer } from './clock.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { Path } from './path.ts'

const MAX_HOLDS = 10_000

interface Hold {
  readonly key: string
  readonly path: Path
  readonly keeper: LeaseKeeper
  timer: Timer | undefined
}

/**
 * Leases kept after a failed load, so that the whole fleet pauses before the next attempt while a
 * stale value is served. Should this process die, others take the lease over as any dead holder's.
 */
export class Holds {
  readonly #clock: Clock
  readonly #holds = new Set<Hold>()
  readonly #releasing = new Set<Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#holds.size + this.#releasing.size
  }

  /** Takes a lease from its holder, to let it go after `delaySeconds`. */
  hold(key: string, path: Path, keeper: LeaseKeeper, delaySeconds: number): void {
    const hold: Hold = { key, path, keeper, timer: undefined }
    if (delaySeconds === 0 || this.#holds.size >= MAX_HOLDS) this.#release(hold)
    else {
      hold.timer = this.#clock.after(delaySeconds * 1000, () => this.#release(hold))
      this.#holds.add(hold)
    }
  }

  /** Lets all go now. Resolves when their servers know. */
  async releaseAll(): Promise<void> {
    for (const hold of [...this.#holds]) this.#release(hold)
    await Promise.all(this.#releasing)
  }

  #release(hold: Hold): void {
    hold.timer?.cancel()
    this.#holds.delete(hold)
    const releasing = this.#letGo(hold)
      // A lease that cannot be released ends by itself, or is taken over.
      .catch(() => {})
      .finally(() => this.#releasing.delete(releasing))
    this.#releasing.add(releasing)
  }

  async #letGo({ key, path, keeper }: Hold): Promise<void> {
    const lease = await keeper.stop()
    if (lease !== undefined) await path.release(key, lease)
  }
}
