import type { Address, PageTarget } from './address.ts'
import type { Asked } from './asked.ts'
import type { PageReply } from './reply.ts'
import type { Share } from './room.ts'
import type { HeaderLines, RuleContext, Ruling } from './rules.ts'
import type { PageWatch } from './watch.ts'

/** The result of a render: a whole page, a reason not to store it, or `cut` if the visitor left. */
export type Capture =
  | {
      readonly ruling: Extract<Ruling, { isStorable: true }>
      /** The headers as the application sent them. */
      readonly headers: HeaderLines
      readonly body: Buffer
    }
  | { readonly ruling: Extract<Ruling, { isStorable: false }> }
  | 'cut'

/** The rules and limits by which a response is captured. */
export interface CaptureContext extends Omit<RuleContext, 'nowMs'> {
  /** Returns why a response is private although its own headers do not say so. */
  objection(
    headers: HeaderLines,
    watch: PageWatch,
  ): Extract<Ruling, { isStorable: false }> | undefined
  /**
   * Whether to store the page only if it equals what was finally sent: nginx runs no middleware.
   */
  readonly mustBeSent: boolean
  readonly maxBytes: number
  readonly share: Share
}

/** The result of a render, and the request headers that the application read. */
export interface Captured {
  readonly capture: Capture
  readonly headersRead: ReadonlySet<string>
}

/** The state of a visit: a `waiting` visit is rendered, served or passed on, and only once. */
type Fate = 'waiting' | 'rendering' | 'served' | 'passed'

/**
 * A request that the cache or the application may respond to. Each kind of server implements how.
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

  /** Whether the application can still respond to this visitor. */
  get canRender(): boolean {
    return this.#fate === 'waiting' && !this.isGone && !this.hasAnswer
  }

  /** Sends a stored page; returns false, and changes nothing, if that is no longer possible. */
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

  /** Passes the request to the application, whose response becomes the shared page. */
  render(context: CaptureContext): Promise<Captured> {
    this.#fate = 'rendering'
    return this.capture(context)
  }

  /**
   * Passes the request to the application, unless the visit has already ended or been passed on.
   */
  pass(): void {
    if (this.#fate !== 'waiting') return
    this.#fate = 'passed'
    if (!this.isGone) this.handOver()
  }

  /** Whether the visitor has left. */
  abstract readonly isGone: boolean
  /** Whether other code has already started a response. */
  abstract readonly hasAnswer: boolean
  /** Whether outer middleware may change the response; then it gets the page without gzip. */
  abstract readonly isWrapped: boolean
  /** Headers that outer middleware set before; it sets them on hits too. */
  abstract readonly arrived: HeaderLines

  /**
   * Lets the application respond to a request that shows only what is in the key, and watches it.
   */
  protected abstract capture(context: CaptureContext): Promise<Captured>
  protected abstract send(reply: PageReply): void
  /** Lets the application respond to the original request. Never throws. */
  protected abstract handOver(): void
}
