import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Sight, Target } from './address.ts'
import { normalHost, valuesOf } from './address.ts'
import { takesGzip } from './encoding.ts'

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

/**
 * Shows the application a request that tells only what is in the key, while it renders for all. A
 * header that is not in the key can be read, for this visitor's sake; but then the page is not
 * stored, and `read` names the header.
 */
export class Disguise {
  /** Headers that are not in the key and that the application looked at, or `rawHeaders`. */
  readonly read: Set<string> = new Set()
  readonly #request: IncomingMessage
  readonly #headers: IncomingHttpHeaders
  readonly #original: IncomingHttpHeaders
  readonly #raw: PropertyDescriptor | undefined
  #isRemoved = false

  constructor(
    request: IncomingMessage,
    target: Target,
    sight: Sight | undefined,
    ignored: ReadonlySet<string>,
  ) {
    const { headers } = request
    this.#request = request
    this.#headers = headers
    this.#original = { ...headers }
    this.#raw = Object.getOwnPropertyDescriptor(request, 'rawHeaders')
    const isGzip = takesGzip(request)
    for (const name of HIDDEN) delete headers[name]
    const shared = new Set([...SHARED, ...ignored, ...settleForwarded(headers, target, sight)])
    headers['accept-encoding'] = isGzip ? 'gzip' : 'identity'
    headers.host = target.shownHost
    if (headers[':authority'] !== undefined) headers[':authority'] = target.shownHost
    if (headers[':scheme'] !== undefined) headers[':scheme'] = target.scheme
    if (settleAccept(headers)) shared.add('accept')
    this.#watch(Object.keys(headers).filter((name) => !shared.has(name)))
  }

  /** Gives the request back as the visitor sent it. */
  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    for (const name of Object.keys(this.#headers)) delete this.#headers[name]
    Object.assign(this.#headers, this.#original)
    for (const name of RAW) Reflect.deleteProperty(this.#request, name)
    if (this.#raw !== undefined) Object.defineProperty(this.#request, 'rawHeaders', this.#raw)
  }

  #watch(names: readonly string[]): void {
    for (const name of names) {
      const value = this.#headers[name]
      this.#intercept(this.#headers, name, () => value)
    }
    for (const name of RAW) {
      const value = (): unknown =>
        name === 'rawHeaders' && this.#raw !== undefined
          ? this.#raw.value
          : Reflect.get(Object.getPrototypeOf(this.#request), name, this.#request)
      this.#intercept(this.#request, name, value)
    }
  }

  /** A property that notes who reads it; who sets it makes it the application's own. */
  #intercept(target: object, name: string, value: () => unknown): void {
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        this.read.add(name)
        return value()
      },
      set: (given: unknown) => {
        const plain = { value: given, configurable: true, enumerable: true, writable: true }
        Object.defineProperty(target, name, plain)
      },
    })
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
    ['x-forwarded-for', () => isIP(String(sight.ip)) > 0, String(sight.ip)],
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
