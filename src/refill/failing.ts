import type { Clock } from './clock.ts'
import type { Ask } from './loading.ts'
import { Recent } from './recent.ts'
import type { Finding } from './verdict.ts'

const MEMORY_MS = 60_000
const MAX_KEYS = 10_000

/**
 * Keys whose loader is known to fail, here or wherever a wait for it was in vain. While that lasts,
 * a value past staleWhileRevalidate is served at once, as far as staleIfError reaches.
 */
export class Failing {
  readonly #clock: Clock
  readonly #untilMs: Recent<number>

  constructor(clock: Clock) {
    this.#clock = clock
    this.#untilMs = new Recent(clock, MEMORY_MS, MAX_KEYS)
  }

  get size(): number {
    return this.#untilMs.size
  }

  mark({ key, policy }: Ask): void {
    if (policy.staleIfErrorSeconds <= policy.staleWhileRevalidateSeconds) return
    this.#untilMs.set(key, this.#clock.nowMs() + policy.errorBackoffSeconds * 1000)
  }

  /** Whether a stale value may be served at once. */
  isServable({ key, policy }: Ask, finding: Finding): boolean {
    const { staleForSeconds } = finding
    if (staleForSeconds <= policy.staleWhileRevalidateSeconds) return true
    const untilMs = this.size === 0 ? undefined : this.#untilMs.get(key)
    if (untilMs === undefined || finding.election === 'won') return false
    return this.#clock.nowMs() < untilMs && staleForSeconds <= policy.staleIfErrorSeconds
  }

  forget(key: string): void {
    if (this.size > 0) this.#untilMs.delete(key)
  }

  clear(): void {
    this.#untilMs.clear()
  }
}
