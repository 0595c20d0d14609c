import type { Policy } from './policy.ts'

/** How long loads under one policy take: their mean, and how far they stray from it. */
export class Pace {
  #meanMs: number | undefined
  #strayMs = 0

  /** Weights as for round trips (Jacobson and Karels, 1988). */
  took(ms: number): void {
    if (this.#meanMs === undefined) {
      this.#meanMs = ms
      this.#strayMs = ms / 2
      return
    }
    this.#strayMs += (Math.abs(ms - this.#meanMs) - this.#strayMs) / 4
    this.#meanMs += (ms - this.#meanMs) / 8
  }

  /** A time in which nearly every load ends. */
  get enoughMs(): number {
    return (this.#meanMs ?? 0) + 4 * this.#strayMs
  }
}

/** What is agreed on one key. */
export interface Terms {
  readonly key: string
  readonly policy: Policy
  readonly pace: Pace
  /** What the last load of this process threw. */
  lastError: unknown
}

/** How long before it is stale this process wants the key's value refilled. */
export function earlySecondsOf({ policy, pace }: Terms): number {
  if (!policy.isEarlyMeasured) return policy.earlyRefreshSeconds
  // A second more, because memcached's clock ticks once a second.
  return Math.min(Math.ceil(pace.enoughMs / 1000) + 1, policy.earlyRefreshSeconds)
}
