import type { Clock } from './clock.ts'
import type { Ask } from './loading.ts'
import type { Path } from './path.ts'
import { Recent } from './recent.ts'
import type { Place } from './store.ts'
import type { Finding } from './verdict.ts'

const MEMORY_MS = 15 * 60_000
const MAX_KEYS = 10_000

interface Sighting {
  readonly cas: string
  readonly place: Place
  readonly sinceMs: number
}

/**
 * Tells when the holder of a lease must be dead: it would have renewed, and so changed the CAS id.
 * Measured on this process's monotonic clock, because the server keeps no time for it.
 */
export class Takeovers {
  readonly #clock: Clock
  readonly #sightings: Recent<Sighting>

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sightings = new Recent(clock, MEMORY_MS, MAX_KEYS)
  }

  get size(): number {
    return this.#sightings.size
  }

  /**
   * Notes that another has the lease of this reading. When the same one stood still for as long as
   * a lease, tries to take it: answers what was won, or undefined.
   */
  async observe(ask: Ask, path: Path, finding: Finding): Promise<Finding | undefined> {
    const { key, policy } = ask
    if (!path.leasesOutliveHolders || !this.#isDead(key, finding, policy.leaseSeconds)) return
    // Whatever comes of it, the next try is a lease away.
    this.#sightings.delete(key)
    try {
      return await path.takeOver(key, policy, finding.lease)
    } catch {
      // The server went away: the next reader looks again.
      return undefined
    }
  }

  clear(): void {
    this.#sightings.clear()
  }

  #isDead(key: string, finding: Finding, leaseSeconds: number): boolean {
    const { cas, place } = finding.lease
    const nowMs = this.#clock.nowMs()
    const seen = this.#sightings.get(key)
    if (seen !== undefined && seen.cas === cas && seen.place === place) {
      return nowMs - seen.sinceMs >= leaseSeconds * 1000
    }
    this.#sightings.set(key, { cas, place, sinceMs: nowMs })
    return false
  }
}
