import { NO_LIMIT_MS } from '../deadline.ts'
import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import { setTimeout } from '../runtime.ts'
import type { Debts, Owed, Way } from './debts.ts'
import type { ClusterHooks } from './hooks.ts'
import type { ClusterPolicy } from './policy.ts'
import { flushRequest, keysToTell, tellRequest } from './tell.ts'

/** How many missed changes are sent at once in the background. */
const DELIVERED_AT_ONCE = 1_000
/**
 * How long to wait before sending missed changes to a server that hung. It may still find commands
 * of closed connections in its sockets and execute them, and these could overwrite a delete.
 */
const BACKLOG_MS = 100

/** The host that gets its missed changes. */
export interface Recipient {
  readonly name: string
  readonly settings: ClusterPolicy
  readonly hooks: ClusterHooks
  readonly debts: Debts
  /** Whether the host accepts requests now. */
  readonly usable: boolean
  /** Returns its first connection; opens it if necessary. */
  openLane(): Lane
  put(lane: Lane, request: Request): void
}

/**
 * Sends a host the changes it missed: those of a key before a command on the key, and all others in
 * the background.
 */
export class Delivery {
  readonly #recipient: Recipient
  #isUnderWay = false

  constructor(recipient: Recipient) {
    this.#recipient = recipient
  }

  /** Whether the host missed changes of the request's keys, which must be sent first. */
  isOwedFor(request: Request): boolean {
    const { debts } = this.#recipient
    if (debts.isEmpty || request.verb.effect === 'flush') return false
    if (debts.flush !== undefined) return true
    const isBase64 = request.verb.debt?.(request).isBase64 === true
    return keysToTell(request).some(([, wireKey]) => debts.find(wireKey, isBase64) !== undefined)
  }

  /** Sends the missed changes of a request's keys, on the connection that the request will use. */
  tellFirst(lane: Lane, request: Request): void {
    const { debts } = this.#recipient
    if (debts.isEmpty || request.verb.effect === 'flush') return
    const { flush } = debts
    if (flush !== undefined && !isOnItsWay(flush, lane)) void this.#flush(lane, flush)
    const isBase64 = request.verb.debt?.(request).isBase64 === true
    for (const [, wireKey] of keysToTell(request)) {
      const owed = debts.find(wireKey, isBase64)
      if (owed !== undefined && !isOnItsWay(owed, lane)) void this.#tell(lane, owed)
    }
  }

  /** Starts sending all missed changes in the background, in batches. */
  start(): void {
    const { usable, debts } = this.#recipient
    if (this.#isUnderWay || !usable || debts.size === 0) return
    this.#isUnderWay = true
    void this.#tellAll().finally(() => {
      this.#isUnderWay = false
    })
  }

  /**
   * Prepares a host that replied to a probe. Missed changes of a key are sent before commands on
   * that key, so only a flush must be sent now. Resolves to whether the host may serve.
   */
  async bringUpToDate(lane: Lane): Promise<boolean> {
    const { debts, settings, hooks, name } = this.#recipient
    if (!debts.isEmpty) await new Promise((wake) => setTimeout(wake, BACKLOG_MS))
    const flush = settings.onReturn === 'flush' ? debts.addFlush() : debts.flush
    if (flush !== undefined && !(await this.#flush(lane, flush, settings.requestTimeoutMs))) {
      return false
    }
    if (debts.overflow > 0) hooks.invalidationsLost?.({ host: name, keys: debts.overflow })
    return true
  }

  async #tellAll(): Promise<void> {
    const { debts } = this.#recipient
    while (this.#recipient.usable) {
      const lane = this.#recipient.openLane()
      const told = debts.next(DELIVERED_AT_ONCE).map((owed) => this.#tell(lane, owed))
      if (told.length === 0) return
      const outcomes = await Promise.all(told)
      if (!outcomes.includes(true)) return
    }
  }

  /** Sends a missed change; resolves to whether the host applied it. */
  #tell(lane: Lane, owed: Owed): Promise<boolean> {
    const { debts, settings } = this.#recipient
    const onTold = (): void => debts.settle(owed, settings.maxOwedKeys)
    return this.#send(lane, owed, tellRequest(owed, onTold))
  }

  async #flush(lane: Lane, flush: Way, timeoutMs?: number): Promise<boolean> {
    const { debts } = this.#recipient
    const request = flushRequest(() => debts.settleFlush(flush))
    debts.beginFlush(flush)
    const isTold = await this.#send(lane, flush, request, timeoutMs)
    // Nothing to restore if the flush has been sent again meanwhile: that one decides.
    if (!isTold && flush.lane === undefined) debts.failFlush()
    return isTold
  }

  /**
   * Sends a command without a timeout. Later commands on the same connection may have later
   * timeouts: if this one timed out and were sent again after them, it would delete what they
   * stored. It fails when its connection ends.
   */
  async #send(
    lane: Lane,
    way: Way,
    request: Request<boolean>,
    timeoutMs: number = NO_LIMIT_MS,
  ): Promise<boolean> {
    const { life } = lane
    way.lane = lane
    way.life = life
    request.times = { requestTimeoutMs: this.#recipient.settings.requestTimeoutMs, retries: 0 }
    request.bounds = { timeoutMs }
    this.#recipient.put(lane, request)
    const isTold = await request.promise.catch(() => false)
    // Mark it as not sent, unless a retry has sent it again on the next connection meanwhile.
    if (!isTold && way.lane === lane && way.life === life) way.lane = undefined
    return isTold
  }
}

/** Whether the missed change was sent on this connection: later commands there run after it. */
function isOnItsWay(way: Way, lane: Lane): boolean {
  return way.lane === lane && way.life === lane.life
}
