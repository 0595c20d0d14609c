/**
 * Determines which request headers the application sees while it renders a shared page, on any kind
 * of server.
 */

/**
 * Headers that are hidden: about the connection, conditional, or for a part. Every visitor gets the
 * whole page.
 */
export const HIDDEN: readonly string[] = [
  'connection',
  'keep-alive',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]
/** Headers that are in the key, or that show the same value to all: reads of them do not count. */
export const SHARED: readonly string[] = [
  ':authority',
  ':method',
  ':path',
  ':scheme',
  'accept-encoding',
  'content-length',
  'host',
]
/** Node's other properties with the request headers; they show everything the visitor sent. */
export const ALL_HEADERS: readonly string[] = ['rawHeaders', 'headersDistinct']
const HTML_ACCEPT = 'text/html,*/*;q=0.8'

/**
 * Returns the `Accept` that the application sees: the same for all clients that accept HTML or
 * anything. Returns undefined for other clients, whose `Accept` may lead to another page.
 */
export function sharedAccept(accept: string | undefined): string | undefined {
  if (accept === undefined || accept === '*/*') return '*/*'
  return /(?:^|[\s,])text\/html(?:$|[\s,;])/i.test(accept) ? HTML_ACCEPT : undefined
}

/** Headers and fields whose reads do not make a page private. */
export interface Ignored {
  /** Names of headers, in lower case. */
  readonly headers: ReadonlySet<string>
  /** Names of properties of requests and connections, such as `remoteAddress`. */
  readonly fields: ReadonlySet<string>
}
