import type { Clock, Timer } from './clock.ts'
import type { Path } from './path.ts'
import type { Policy } from './policy.ts'
import type { Lease } from './verdict.ts'

/**
 * Keeps one lease alive as long as its holder works: others take over what was not renewed for the
 * length of a lease, so a lease can be short while loaders are slow.
 */
export class LeaseKeeper {
  readonly #key: string
  readonly #policy: Policy
  readonly #path: Path
  readonly #clock: Clock
  readonly #onRenewed: () => void
  #lease: Lease | undefined
  #timer: Timer | undefined
  #renewing: Promise<void> | undefined

  constructor(
    key: string,
    policy: Policy,
    path: Path,
    clock: Clock,
    lease: Lease,
    onRenewed: () => void,
  ) {
    this.#key = key
    this.#policy = policy
    this.#path = path
    this.#clock = clock
    this.#lease = lease
    this.#onRenewed = onRenewed
    const { endsInSeconds } = lease
    const { leaseSeconds } = policy
    this.#schedule(endsInSeconds === -1 ? leaseSeconds : Math.min(leaseSeconds, endsInSeconds))
  }

  /** The lease as it is now; undefined once it was lost. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** Stops renewing. Answers the lease, unless it was lost. */
  async stop(): Promise<Lease | undefined> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#renewing
    return this.#lease
  }

  /**
   * Half a second before the half: memcached's clock ticks once a second, so what is left may be up
   * to one second less than it says.
   */
  #schedule(leftSeconds: number): void {
    const delayMs = Math.max(0, ((leftSeconds - 1) * 1000) / 2)
    this.#timer = this.#clock.after(delayMs, () => {
      this.#renewing = this.#renew()
    })
  }

  async #renew(): Promise<void> {
    const isStopped = (): boolean => this.#timer === undefined
    const lease = this.#lease
    if (lease === undefined || isStopped()) return
    this.#lease = await this.#path
      .renew(this.#key, this.#policy, lease)
      // The answer was lost with its connection, and the lease with it.
      .catch(() => undefined)
    if (this.#lease === undefined) return
    this.#onRenewed()
    if (!isStopped()) this.#schedule(this.#policy.leaseSeconds)
  }
}
