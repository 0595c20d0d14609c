import type { Lane } from '../net/lane.ts'
import type { Request } from '../net/request.ts'
import { setTimeout } from '../runtime.ts'
import type { Debts, Owed, Way } from './debts.ts'
import type { ClusterHooks } from './hooks.ts'
import type { ClusterPolicy } from './policy.ts'
import { flushRequest, keysToTell, tellRequest } from './tell.ts'

/** Debts that are delivered in the background at once. */
const DELIVERED_AT_ONCE = 1_000
/**
 * A server that hung finds commands in its sockets when it runs again, of connections that are long
 * closed, and executes them: what is deleted before that may be written after it.
 */
const BACKLOG_MS = 100

/** The host that is told. */
export interface Recipient {
  readonly name: string
  readonly settings: ClusterPolicy
  readonly hooks: ClusterHooks
  readonly debts: Debts
  /** It takes requests now. */
  readonly usable: boolean
  /** Its first lane, which is being opened if it was not open. */
  openLane(): Lane
  put(lane: Lane, request: Request): void
}

/** Tells a host what it is owed: before it is asked for a key, and all keys in the background. */
export class Delivery {
  readonly #recipient: Recipient
  #isUnderWay = false

  constructor(recipient: Recipient) {
    this.#recipient = recipient
  }

  /** Whether the host must be told something before it is asked for the keys of a request. */
  isOwedFor(request: Request): boolean {
    const { debts } = this.#recipient
    if (debts.isEmpty || request.verb.effect === 'flush') return false
    if (debts.flush !== undefined) return true
    const isBase64 = request.verb.debt?.(request).isBase64 === true
    return keysToTell(request).some(([, wireKey]) => debts.find(wireKey, isBase64) !== undefined)
  }

  /** Puts what the host is owed for a request's keys on the lane that the request takes. */
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

  /** Tells all in the background, some at a time. */
  start(): void {
    const { usable, debts } = this.#recipient
    if (this.#isUnderWay || !usable || debts.size === 0) return
    this.#isUnderWay = true
    void this.#tellAll().finally(() => {
      this.#isUnderWay = false
    })
  }

  /**
   * Prepares a host that answered a probe. What it is owed for a key it is told before it is asked
   * for that key, so only a flush has to come first. Resolves to whether it may serve.
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

  /** Resolves to whether the host was told. */
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
    // Unless it was sent again meanwhile.
    if (!isTold && flush.lane === undefined) debts.failFlush()
    return isTold
  }

  /**
   * Commands follow on the same lane, whose deadlines may be later. So it has none of its own: told
   * again behind them, it would delete what they stored. It ends with its lane.
   */
  async #send(
    lane: Lane,
    way: Way,
    request: Request<boolean>,
    timeoutMs: number = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    const { life } = lane
    way.lane = lane
    way.life = life
    request.times = this.#recipient.settings
    request.timeoutMs = timeoutMs
    this.#recipient.put(lane, request)
    const isTold = await request.promise.catch(() => false)
    // Retried commands may have had it told again meanwhile, on the next connection.
    if (!isTold && way.lane === lane && way.life === life) way.lane = undefined
    return isTold
  }
}

/** It is ahead of what is put on the lane from now on. */
function isOnItsWay(way: Way, lane: Lane): boolean {
  return way.lane === lane && way.life === lane.life
}
