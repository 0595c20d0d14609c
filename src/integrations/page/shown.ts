/**
 * What the application is shown of request headers while it renders for all, whatever kind of
 * server it runs on.
 */

/** Of one connection, or asking for what changed, or for a part: all get the page whole. */
export const HIDDEN: readonly string[] = [
  'connection',
  'keep-alive',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]
/** In the key, or the same for all once they are shown: reading these tells of no visitor. */
export const SHARED: readonly string[] = [
  ':authority',
  ':method',
  ':path',
  ':scheme',
  'accept-encoding',
  'content-length',
  'host',
]
/** Other ways of Node to the same lines: they show what the visitor sent, keyed or not. */
export const ALL_HEADERS: readonly string[] = ['rawHeaders', 'headersDistinct']
const HTML_ACCEPT = 'text/html,*/*;q=0.8'

/**
 * Who names HTML is shown to take nothing else in particular, and who takes anything is as he is.
 * Undefined for others, whose `Accept` may make another page.
 */
export function sharedAccept(accept: string | undefined): string | undefined {
  if (accept === undefined || accept === '*/*') return '*/*'
  return /(?:^|[\s,])text\/html(?:$|[\s,;])/i.test(accept) ? HTML_ACCEPT : undefined
}

/** Reads that do not make a page its visitor's own. */
export interface Ignored {
  /** In lower case. */
  readonly headers: ReadonlySet<string>
  /** Other properties of requests and connections. */
  readonly fields: ReadonlySet<string>
}
