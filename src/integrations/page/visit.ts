import type { IncomingMessage, ServerResponse } from 'node:http'
import { isGone } from './capture.ts'
import { takesGzip } from './encoding.ts'
import type { Address } from './key.ts'

/** What a visit came to: it is decided once. */
type Fate = 'waiting' | 'rendering' | 'served' | 'passed'

/** One request that may be answered from the cache, or by the application. */
export class Visit {
  readonly address: Address
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly #next: () => void
  readonly #onServed: () => void
  #fate: Fate = 'waiting'

  constructor(
    address: Address,
    request: IncomingMessage,
    response: ServerResponse,
    next: () => void,
    onServed: () => void,
  ) {
    this.address = address
    this.request = request
    this.response = response
    this.#next = next
    this.#onServed = onServed
  }

  get hasCookie(): boolean {
    return this.request.headers.cookie !== undefined
  }

  get isRendering(): boolean {
    return this.#fate === 'rendering'
  }

  /** Nobody waits for an answer any more. */
  get isGone(): boolean {
    return isGone(this.response)
  }

  /** Whether the application can still be asked on this visitor's behalf. */
  get canRender(): boolean {
    return this.#fate === 'waiting' && !this.isGone && !this.response.headersSent
  }

  /** Takes the visit for a stored page; false when that is no longer possible. */
  claim(): boolean {
    if (!this.canRender) return false
    this.#fate = 'served'
    this.#onServed()
    return true
  }

  /**
   * Hands over to the application, whose response becomes everybody's. So it is asked for a whole
   * page, gzipped at most, whatever this visitor has at home.
   */
  render(): void {
    this.#fate = 'rendering'
    const { headers } = this.request
    delete headers['if-none-match']
    delete headers['if-modified-since']
    headers['accept-encoding'] = takesGzip(this.request) ? 'gzip' : 'identity'
    this.#next()
  }

  /** Hands over to the application, unless the visit is over or with it already. */
  pass(): void {
    if (this.#fate !== 'waiting') return
    this.#fate = 'passed'
    if (!this.isGone) this.#next()
  }
}
