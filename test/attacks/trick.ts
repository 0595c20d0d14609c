import type { IncomingMessage } from 'node:http'

/** What an attacker plants, or wants to read. */
export const MARK = 'MARK-OF-ANOTHER'

/** A request: to a host of the trick's own unless `headers` names one. */
export interface Ask {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The address to send from, where it is another than 127.0.0.1. */
  readonly from?: string
  /** The bytes to send instead, where no client sends such; HOST is the trick's host. */
  readonly raw?: string
}

/** Two requests: nothing of what the first one is shown may reach the second. */
export interface Trick {
  readonly name: string
  readonly source: string
  readonly first: Ask
  readonly second?: Ask
  /** What the page is made of comes with every request: it is stored for nobody. */
  readonly isEveryones?: boolean
  /** Another server in front takes it away, or does it for every visitor. */
  readonly isOfConnection?: boolean
  /** What a careless application makes of a request: with the mark for the first one. */
  careless(request: IncomingMessage, body: string): string
}
