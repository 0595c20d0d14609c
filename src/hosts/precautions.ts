import { DELETE_DEBT, type Request } from '../net/request.ts'
import { performance } from '../runtime.ts'
import type { Host } from './host.ts'
import type { ClusterPolicy } from './policy.ts'
import { keysToTell, tellRequest } from './tell.ts'

/** What precautions ask of their cluster. */
export interface PrecautionOwner {
  readonly hosts: readonly Host[]
  readonly policy: ClusterPolicy
  readonly send: (host: Host, request: Request) => void
  readonly handover: { previousHomeOf(routeKey: string): Host | undefined } | undefined
  homeOf(routeKey: string): Host
  fallbackOf(routeKey: string, home: Host): Host | undefined
}

/**
 * Another process may see home down, and read the first fallback. What is removed is removed there
 * too; what changes only while this process saw trouble at either place. No more than an attempt:
 * no caller waits for it, and it is never owed.
 */
export class Precautions {
  readonly #owner: PrecautionOwner
  /** When an attempt last failed, or a host went or came back. */
  #troubleMs = Number.NEGATIVE_INFINITY

  constructor(owner: PrecautionOwner) {
    this.#owner = owner
  }

  noteTrouble(nowMs: number): void {
    this.#troubleMs = nowMs
  }

  take(host: Host, request: Request): void {
    const owner = this.#owner
    const isLoad = request.binding === 'load'
    if ((!request.isFree && !isLoad) || request.past !== undefined) return
    const { effect } = request.verb
    // What a refill removes is the lease of a load, and no value.
    const isRemoval = effect === 'remove' && !isLoad
    if (!isRemoval && effect !== 'change') return
    if (owner.hosts.length < 2 || (!isRemoval && !this.#isTroubled)) return
    const debt = request.verb.debt?.(request) ?? DELETE_DEBT
    for (const [routeKey, wireKey] of keysToTell(request)) {
      const fallback = owner.fallbackOf(routeKey, host)
      if (fallback === undefined || owner.homeOf(routeKey) !== host) continue
      // A handover does what has to be done there.
      if (fallback === owner.handover?.previousHomeOf(routeKey)) continue
      const removal = tellRequest({ wireKey, debt })
      removal.promise.catch(() => {})
      owner.send(fallback, removal)
    }
  }

  /** Some host failed, or came back, within the last seconds. */
  get #isTroubled(): boolean {
    return performance.now() - this.#troubleMs < this.#owner.policy.precautionsMs
  }
}
