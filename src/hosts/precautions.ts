import { DELETE_DEBT, type Request } from '../net/request.ts'
import { performance } from '../runtime.ts'
import type { Host } from './host.ts'
import type { ClusterPolicy } from './policy.ts'
import { keysToTell, tellRequest } from './tell.ts'

/** The parts of the cluster that precautions use. */
export interface PrecautionOwner {
  readonly homes: readonly Host[]
  readonly policy: ClusterPolicy
  readonly send: (host: Host, request: Request) => void
  readonly handover: { previousHomeOf(routeKey: string): Host | undefined } | undefined
  readonly account: { isHandingHome(home: Host, standIn: Host): boolean }
  homeOf(routeKey: string, request: Request): Host
  fallbackOf(routeKey: string, home: Host, request: Request): Host | undefined
}

/**
 * Keeps fallback hosts from serving old values to processes that see a key's host as down. Removals
 * are also sent to the first fallback host; changes only if this process recently saw failures.
 * These deletes are best effort: no caller waits for them, and they are not retried.
 */
export class Precautions {
  readonly #owner: PrecautionOwner
  /** When an attempt last failed, or a host was ejected or returned. */
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
    // A refill that deletes releases its own lease: no value is removed.
    const isRemoval = effect === 'remove' && !isLoad
    if (!isRemoval && effect !== 'change') return
    if (owner.homes.length < 2 || (!isRemoval && !this.#isTroubled)) return
    const debt = request.verb.debt?.(request) ?? DELETE_DEBT
    for (const [routeKey, wireKey] of keysToTell(request)) {
      const fallback = owner.fallbackOf(routeKey, host, request)
      if (fallback === undefined || owner.homeOf(routeKey, request) !== host) continue
      // Skip a fallback host that is also the key's previous host: the handover sends it every
      // change.
      if (fallback === owner.handover?.previousHomeOf(routeKey)) continue
      // It may have a value that is handed home first, and gets the delete then.
      if (owner.account.isHandingHome(host, fallback)) continue
      const removal = tellRequest({ wireKey, debt })
      removal.promise.catch(() => {})
      owner.send(fallback, removal)
    }
  }

  /** Whether an attempt failed, or a host changed, within the last seconds. */
  get #isTroubled(): boolean {
    return performance.now() - this.#troubleMs < this.#owner.policy.precautionsMs
  }
}
