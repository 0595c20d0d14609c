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
  /** Whether every request has the property that the page depends on: no page is stored then. */
  readonly isEveryones?: boolean
  /** Whether a proxy in front removes the header of this attack, or sets it for every visitor. */
  readonly isOfConnection?: boolean
  /** Renders the page of a careless application: for the first request it contains MARK. */
  careless(request: IncomingMessage, body: string): string
}
