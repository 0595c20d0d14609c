import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Sight, Target } from './address.ts'
import { normalHost, valuesOf } from './address.ts'
import { takesGzip } from './encoding.ts'
import { watchFields } from './fields.ts'
import { Watch } from './watch.ts'

/** Of one connection, or asking for what changed, or for a part: all get the page whole. */
const HIDDEN = [
  'connection',
  'keep-alive',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
]
/** In the key, or the same for all once they are set here: reading these tells of no visitor. */
const SHARED: ReadonlySet<string> = new Set([
  ':authority',
  ':method',
  ':path',
  ':scheme',
  'accept-encoding',
  'content-length',
  'host',
])
const HTML_ACCEPT = 'text/html,*/*;q=0.8'

/** Other ways to the same lines: they show what the visitor sent, keyed or not. */
const RAW = ['rawHeaders', 'headersDistinct'] as const

/** Whether what was read names a header, and not all of them. */
export function isHeaderName(read: string): boolean {
  return !RAW.some((name) => name === read)
}

/** Reads that do not make a page its visitor's own. */
export interface Ignored {
  /** In lower case. */
  readonly headers: ReadonlySet<string>
  /** Other properties of requests and connections. */
  readonly fields: ReadonlySet<string>
}

/**
 * Shows the application a request that tells only what is in the key, while it renders for all.
 * What is not in the key can be read, for this visitor's sake; but then the page is not stored,
 * and `watch` knows what it was.
 */
export class Disguise {
  readonly watch: Watch
  readonly #request: IncomingMessage
  readonly #headers: IncomingHttpHeaders
  readonly #original: IncomingHttpHeaders
  #isRemoved = false

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    sight: Sight | undefined,
    ignored: Ignored,
  ) {
    const { headers } = request
    this.watch = new Watch(ignored.fields)
    this.#request = request
    this.#headers = headers
    this.#original = { ...headers }
    const isGzip = takesGzip(request)
    for (const name of HIDDEN) delete headers[name]
    const settled = settleForwarded(headers, target, sight)
    const shared = new Set([...SHARED, ...ignored.headers, ...settled])
    headers['accept-encoding'] = isGzip ? 'gzip' : 'identity'
    headers.host = target.shownHost
    if (headers[':authority'] !== undefined) headers[':authority'] = target.shownHost
    if (headers[':scheme'] !== undefined) headers[':scheme'] = target.scheme
    if (settleAccept(headers)) shared.add('accept')
    this.#watchHeaders(Object.keys(headers).filter((name) => !shared.has(name)))
    const isSecure = target.scheme === 'https'
    watchFields(this.watch, { request, response, sight, isSecure })
  }

  /** Gives the request back as the visitor sent it. */
  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    this.watch.remove()
    for (const name of Object.keys(this.#headers)) delete this.#headers[name]
    Object.assign(this.#headers, this.#original)
  }

  #watchHeaders(names: readonly string[]): void {
    const { watch } = this
    for (const name of names) watch.intercept(this.#headers, name, () => watch.noteHeader(name))
    for (const name of RAW) watch.intercept(this.#request, name, () => watch.noteHeader(name))
  }
}

/**
 * Forwarded headers say here what the framework made of them, which is what the key says. Those
 * that it does not trust are left to be read, as any other header. Returns the settled ones.
 */
function settleForwarded(
  headers: IncomingHttpHeaders,
  { host, shownHost, scheme }: Target,
  sight: Sight | undefined,
): string[] {
  if (sight === undefined) return []
  const settled: readonly [name: string, isSame: (value: string) => boolean, value: string][] = [
    ['x-forwarded-host', (value) => normalHost(value) === host, shownHost],
    ['x-forwarded-proto', (value) => value.toLowerCase() === scheme, scheme],
  ]
  return settled.flatMap(([name, isSame, value]) => {
    // Proxies add to these; which of the values counts is the framework's business.
    if (!valuesOf(headers[name]).some(isSame)) return []
    headers[name] = value
    return [name]
  })
}

/** Whoever names HTML is shown to take nothing else in particular; others are left as they are. */
function settleAccept(headers: IncomingHttpHeaders): boolean {
  const { accept = '*/*' } = headers
  if (accept === '*/*') return true
  if (!/(?:^|[\s,])text\/html(?:$|[\s,;])/i.test(accept)) return false
  headers.accept = HTML_ACCEPT
  return true
}
