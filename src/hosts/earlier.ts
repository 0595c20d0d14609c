import type { Host } from './host.ts'
import type { ClusterPolicy } from './policy.ts'
import type { HandoverChange, PreviousPlaces } from './previous-places.ts'

/**
 * Determines which items a host may have from an earlier time, when it was the host of these keys.
 */
export class Earlier {
  readonly #change: HandoverChange
  readonly #from: PreviousPlaces
  readonly #isFlushed: boolean
  readonly #movesTo: (routeKey: string, host: Host) => boolean

  constructor(
    change: HandoverChange,
    from: PreviousPlaces,
    { onReturn }: ClusterPolicy,
    movesTo: (routeKey: string, host: Host) => boolean,
  ) {
    this.#change = change
    this.#from = from
    this.#isFlushed = onReturn === 'flush'
    this.#movesTo = movesTo
  }

  /** Whether a key that was found on a host is moved to that host, or may be. */
  isArriving(wireKey: string, host: Host): boolean {
    if (!this.#change.isOurs(wireKey)) return false
    // The host had no keys before this handover, so everything on it is from an earlier time.
    if (!this.#from.hosts.includes(host)) return true
    const routeKey = this.#change.routeKeyOf(wireKey)
    return routeKey === undefined || this.#movesTo(routeKey, host)
  }

  /**
   * Whether a host may be flushed: it had no keys before, and other programs store nothing on it.
   */
  isAll(host: Host): boolean {
    const isAllOurs = this.#change.isAllOurs || this.#isFlushed
    return isAllOurs && !this.#from.hosts.includes(host)
  }
}
