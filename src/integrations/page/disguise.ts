import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { normalHost, type PageTarget } from './address.ts'
import { type Asked, takesGzip } from './asked.ts'
import { watchFields } from './fields.ts'
import { type WithHeaders, watchHeadersSet } from './headers-set.ts'
import { forwardedValues, type TargetSight } from './node-target.ts'
import { ALL_HEADERS, HIDDEN, type Ignored, SHARED, sharedAccept } from './shown.ts'
import { PageWatch } from './watch.ts'

/** A request of node:http or node:http2, as its server and its framework present it. */
export interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly asked: Asked
  readonly sight: TargetSight | undefined
  /** The Fastify reply, if any. */
  readonly reply: WithHeaders | undefined
}

/**
 * Makes a request show only what is in the key while the application renders a shared page. The
 * application can still read everything else the visitor sent, but then `watch` notes it and the
 * page is not stored.
 */
export class Disguise {
  readonly watch: PageWatch
  readonly #request: IncomingMessage
  readonly #headers: IncomingHttpHeaders
  readonly #original: IncomingHttpHeaders
  #isRemoved = false

  constructor(received: Received, target: PageTarget, ignored: Ignored) {
    const { request, response, asked, sight, reply } = received
    const { headers } = request
    this.watch = new PageWatch(ignored.fields)
    this.#request = request
    this.#headers = headers
    this.#original = { ...headers }
    const isGzip = takesGzip(asked)
    for (const name of HIDDEN) delete headers[name]
    const settled = settleForwarded(headers, target, sight)
    const shared = new Set([...SHARED, ...ignored.headers, ...settled])
    headers['accept-encoding'] = isGzip ? 'gzip' : 'identity'
    headers.host = target.shownHost
    if (headers[':authority'] !== undefined) headers[':authority'] = target.shownHost
    if (headers[':scheme'] !== undefined) headers[':scheme'] = target.scheme
    const accept = sharedAccept(headers.accept)
    if (accept !== undefined) shared.add('accept')
    if (headers.accept !== undefined) headers.accept = accept ?? headers.accept
    const isSecure = target.scheme === 'https'
    watchFields(this.watch, { request, response, sight, reply, isSecure })
    watchHeadersSet(this.watch, response)
    if (reply !== undefined) watchHeadersSet(this.watch, reply)
    this.#watchHeaders(Object.keys(headers).filter((name) => !shared.has(name)))
  }

  /** Restores the request as the visitor sent it. */
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
    const shown = watchedNames(this.#headers, watch)
    watch.show(this.#request, 'headers', () => shown)
    for (const name of ALL_HEADERS) {
      watch.intercept(this.#request, name, () => watch.noteHeader(name))
    }
  }
}

/**
 * Notes checks and listings of header names too: whether a header was sent depends on the visitor.
 */
function watchedNames(headers: IncomingHttpHeaders, watch: PageWatch): IncomingHttpHeaders {
  const note = (name: string | symbol): void => {
    // Only watched headers have a getter. Others are in the key, or the application set them.
    const isWatched = Reflect.getOwnPropertyDescriptor(headers, name)?.get !== undefined
    if (isWatched && typeof name === 'string') watch.noteHeader(name)
  }
  return new Proxy(headers, {
    has(target, name) {
      note(name)
      return Reflect.has(target, name)
    },
    ownKeys(target) {
      for (const name of Reflect.ownKeys(target)) note(name)
      return Reflect.ownKeys(target)
    },
    getOwnPropertyDescriptor(target, name) {
      note(name)
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
  })
}

/**
 * Replaces trusted forwarded headers by the values in the key, which the framework derived from
 * them. Leaves untrusted ones as they are, watched like any other header. Returns the replaced
 * ones.
 */
function settleForwarded(
  headers: IncomingHttpHeaders,
  { host, shownHost, scheme }: PageTarget,
  sight: TargetSight | undefined,
): string[] {
  if (sight === undefined) return []
  const settled: readonly [name: string, isSame: (value: string) => boolean, value: string][] = [
    ['x-forwarded-host', (value) => normalHost(value) === host, shownHost],
    ['x-forwarded-proto', (value) => value.toLowerCase() === scheme, scheme],
  ]
  return settled.flatMap(([name, isSame, value]) => {
    // Proxies append values to these headers; the framework decides which value it trusts.
    if (!forwardedValues(headers[name]).some(isSame)) return []
    headers[name] = value
    return [name]
  })
}
