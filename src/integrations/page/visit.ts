import type { Address, PageTarget } from './address.ts'
import type { Asked } from './asked.ts'
import type { PageReply } from './reply.ts'
import type { Share } from './room.ts'
import type { HeaderLines, RuleContext, Ruling } from './rules.ts'
import type { PageWatch } from './watch.ts'

/** How a render ended: with a whole page, with something else, or after the visitor left. */
export type Capture =
  | {
      readonly ruling: Extract<Ruling, { isStorable: true }>
      /** The headers as the application sent them. */
      readonly headers: HeaderLines
      readonly body: Buffer
    }
  | { readonly ruling: Extract<Ruling, { isStorable: false }> }
  | 'cut'

/** What a capture needs to know. */
export interface CaptureContext extends Omit<RuleContext, 'nowMs'> {
  /** Why the response is not everybody's although its own headers do not say so. */
  objection(
    headers: HeaderLines,
    watch: PageWatch,
  ): Extract<Ruling, { isStorable: false }> | undefined
  /** The page is stored only if it is what was sent in the end: nginx has no such middleware. */
  readonly mustBeSent: boolean
  readonly maxBytes: number
  readonly share: Share
}

/** What came of a render, and which request headers it was made of. */
export interface Captured {
  readonly capture: Capture
  readonly headersRead: ReadonlySet<string>
}

/** What a visit came to: it is decided once. */
type Fate = 'waiting' | 'rendering' | 'served' | 'passed'

/**
 * One request that may be answered from the cache, or by the application. Kinds of servers say how
 * that is done.
 */
export abstract class Visit {
  readonly target: PageTarget
  readonly asked: Asked
  #fate: Fate = 'waiting'

  constructor(target: PageTarget, asked: Asked) {
    this.target = target
    this.asked = asked
  }

  get address(): Address {
    return this.target.address
  }

  get hasCookie(): boolean {
    return this.asked.header('cookie') !== undefined
  }

  get isRendering(): boolean {
    return this.#fate === 'rendering'
  }

  /** Whether the application can still be asked on this visitor's behalf. */
  get canRender(): boolean {
    return this.#fate === 'waiting' && !this.isGone && !this.hasAnswer
  }

  /** Answers by a stored page; false, with the visit as it was, when that is no longer possible. */
  answer(reply: PageReply): boolean {
    if (!this.canRender) return false
    this.#fate = 'served'
    try {
      this.send(reply)
    } catch (error) {
      this.#fate = 'waiting'
      throw error
    }
    return true
  }

  /** Hands over to the application, whose response becomes everybody's. */
  render(context: CaptureContext): Promise<Captured> {
    this.#fate = 'rendering'
    return this.capture(context)
  }

  /** Hands over to the application, unless the visit is over or with it already. */
  pass(): void {
    if (this.#fate !== 'waiting') return
    this.#fate = 'passed'
    if (!this.isGone) this.handOver()
  }

  /** The visitor no longer waits. */
  abstract readonly isGone: boolean
  /** An answer was begun elsewhere. */
  abstract readonly hasAnswer: boolean
  /** Middleware further out may change what is sent: it gets it plain. */
  abstract readonly isWrapped: boolean
  /** Headers that were set before this middleware had the request; hits have them too. */
  abstract readonly arrived: HeaderLines

  /** Lets the application answer a request that tells only what is in the key, and watches it. */
  protected abstract capture(context: CaptureContext): Promise<Captured>
  protected abstract send(reply: PageReply): void
  /** Lets the application answer the request as it came. Never throws. */
  protected abstract handOver(): void
}
