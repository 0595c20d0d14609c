import type { IncomingMessage } from 'node:http'

/** The text that an attacker plants, or wants to read. */
export const MARK = 'MARK-OF-ANOTHER'

/** A request, sent to the attack's own host unless `headers` names another. */
export interface Ask {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The address to send from, when it is not 127.0.0.1. */
  readonly from?: string
  /**
   * Raw bytes to send when no HTTP client would send them; HOST is replaced by the attack's host.
   */
  readonly raw?: string
}

/** Two requests: nothing from the response to the first may reach the second. */
export interface Trick {
  readonly name: string
  readonly source: string
  readonly first: Ask
  readonly second?: Ask
  /** Every request has what the page is made of, so the page is stored for nobody. */
  readonly isEveryones?: boolean
  /** A server in front removes the header or sets it for every visitor. */
  readonly isOfConnection?: boolean
  /** What a careless application renders for a request: with the mark for the first one. */
  careless(request: IncomingMessage, body: string): string
}
