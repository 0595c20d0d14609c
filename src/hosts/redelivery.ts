import type { Lane } from '../net/lane.ts'
import type { Request, Router } from '../net/request.ts'
import { setTimeout } from '../runtime.ts'
import type { ClusterHooks } from './hooks.ts'
import { flushRequest, type Journal } from './journal.ts'
import type { ClusterPolicy } from './policy.ts'

/** Whose journal it is. */
export interface Recipient extends Router {
  readonly settings: ClusterPolicy
  readonly hooks: ClusterHooks
  readonly journal: Journal
}

/**
 * A server that hung finds commands in its sockets when it runs again, of connections that are long
 * closed, and executes them: what is deleted before that may be written after it.
 */
const BACKLOG_MS = 100

/** Tells a host what it missed. */
export class Redelivery {
  readonly #recipient: Recipient
  #isUnderWay = false

  constructor(recipient: Recipient) {
    this.#recipient = recipient
  }

  /**
   * Sends the journal ahead of all that waits on `lane`, until nothing is left or the lane dies.
   */
  start(lane: Lane): void {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    void this.#sendJournal(lane).then((isTold) => {
      this.#isUnderWay = false
      if (isTold && this.#recipient.journal.size > 0) this.start(lane)
    })
  }

  /** The same, or a flush, for a host that is on its way back. Answers whether it was all done. */
  async bringUpToDate(lane: Lane): Promise<boolean> {
    if (this.#recipient.journal.size > 0) {
      await new Promise((wake) => setTimeout(wake, BACKLOG_MS))
    }
    if (this.#recipient.settings.onReturn === 'trust') return this.#sendJournal(lane)
    const isFlushed = await this.#send(lane, [flushRequest()])
    if (isFlushed) this.#recipient.journal.clear()
    return isFlushed
  }

  async #sendJournal(lane: Lane): Promise<boolean> {
    const { journal, hooks, name } = this.#recipient
    const isTold = await this.#send(lane, journal.requests())
    const keys = isTold ? journal.takeLost() : 0
    if (keys > 0) hooks.invalidationsLost?.({ host: name, keys })
    return isTold
  }

  async #send(lane: Lane, requests: readonly Request[]): Promise<boolean> {
    for (const request of requests) request.isSingle = true
    lane.sendFirst(requests)
    const outcomes = await Promise.allSettled(requests.map(({ promise }) => promise))
    return outcomes.every(({ status }) => status === 'fulfilled')
  }
}
