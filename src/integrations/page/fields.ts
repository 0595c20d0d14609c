import { IncomingMessage, ServerResponse } from 'node:http'
import { watchedConnection } from './connection.ts'
import type { TargetSight } from './node-target.ts'
import { type PageWatch, tellsSomething } from './watch.ts'

/**
 * Properties that frameworks derive from the connection and forwarded headers, and whose values are
 * in the key.
 */
const OF_THE_KEY = [
  'protocol',
  'secure',
  'host',
  'hostname',
  'port',
  'subdomains',
  'origin',
  'href',
]
/** Properties with the visitor's address, which the framework derives from trusted proxies. */
const ADDRESSES = ['ip', 'ips']
/** The name that `ignoredRequestFields` uses for the visitor's address. */
const ADDRESS = 'remoteAddress'
const CONNECTIONS = ['socket', 'connection', 'client', 'stream']
const VERSIONS = ['httpVersion', 'httpVersionMajor', 'httpVersionMinor']
/** Where loggers keep the address at the start of a request, for the line they write at its end. */
const LOGGED_ADDRESS = '_remoteAddress'

/** Properties that Node and the frameworks set, and that depend on the key alone. */
const KNOWN: ReadonlySet<PropertyKey> = new Set([
  ...Reflect.ownKeys(new IncomingMessage(undefined as never)),
  ...Reflect.ownKeys(new ServerResponse({ method: 'GET' } as never)),
  'app',
  'headersDistinct',
  'baseUrl',
  'captures',
  'context',
  'ctx',
  'flush',
  'locals',
  'log',
  'matched',
  'next',
  'originalMethod',
  'originalUrl',
  'params',
  'path',
  'query',
  'raw',
  'req',
  'request',
  'res',
  'respond',
  'response',
  'route',
  'router',
  'routerName',
  'routerPath',
  'secret',
  'server',
])

/** Matches symbols that Fastify and Koa set themselves. */
const OF_FRAMEWORKS = /^(?:fastify\.|context#cookies$)/

/** A request, as Node and the framework present it. */
export interface Watched {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly sight: TargetSight | undefined
  /** The Fastify reply, if any. */
  readonly reply: object | undefined
  readonly isSecure: boolean
}

/**
 * Watches the properties of a request that are not in the key: its connection, its HTTP version,
 * the visitor's address, and what earlier middleware added, such as a session.
 */
export function watchFields(watch: PageWatch, watched: Watched): void {
  const { request, response, sight, reply } = watched
  const framework = (sight ?? {}) as { raw?: object; request?: object; response?: object }
  const { request: asked, response: answer } = framework
  for (const seen of new Set([request, sight, asked, response, answer, reply])) {
    if (seen !== undefined) watchFramework(watch, seen)
  }
  watchConnections(watch, watched)
  // Do not watch the major HTTP version in Fastify: Fastify itself reads it for every reply.
  const versions = framework.raw === undefined ? VERSIONS : ['httpVersion', 'httpVersionMinor']
  for (const name of versions) watch.intercept(request, name, () => watch.noteField(name))
  watch.slot(request, LOGGED_ADDRESS, ADDRESS)
  // When the application sets the status, Koa itself reads the HTTP version: do not count that.
  if (framework.response !== undefined) watch.exempt(framework.response, 'status')
  for (const [owner, name] of [
    [response, 'locals'],
    [framework, 'state'],
  ] as const) {
    if (tellsSomething(owner, name)) watch.intercept(owner, name, () => watch.noteField(name))
  }
}

function watchFramework(watch: PageWatch, seen: object): void {
  const fields = Reflect.ownKeys(seen)
  const inherits = (name: string): boolean => name in Object.getPrototypeOf(seen)
  for (const name of OF_THE_KEY) {
    if (inherits(name) && !Object.hasOwn(seen, name)) watch.exempt(seen, name)
  }
  for (const name of ADDRESSES) {
    if (name in seen) watch.intercept(seen, name, () => watch.noteField(ADDRESS))
  }
  const isOfFastify = 'raw' in seen
  for (const name of fields) {
    if (isKnown(seen, name) || !tellsSomething(seen, name)) continue
    // Skip methods that Fastify plugins add to all requests: they are not specific to this one.
    if (isOfFastify && typeof Reflect.get(seen, name) === 'function') continue
    const told = typeof name === 'symbol' ? (name.description ?? 'symbol') : name
    watch.watchField(seen, name, told)
  }
}

/** Whether a field belongs to Node or a framework, or overrides one of their methods. */
function isKnown(seen: object, name: string | symbol): boolean {
  if (KNOWN.has(name)) return true
  if (typeof name === 'string') {
    const isMethod = name in Object.getPrototypeOf(seen) && isFunction(Reflect.get(seen, name))
    return name.startsWith('_') || ADDRESSES.includes(name) || isMethod
  }
  // Node's HTTP/2 requests have private symbols, which cannot be named in a constant: skip them.
  const isOfHttp2 = 'stream' in seen && Symbol.keyFor(name) === undefined
  return isOfHttp2 || OF_FRAMEWORKS.test(name.description ?? '')
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

/**
 * Shows the application proxies of sockets and streams. Makes one proxy per object, because several
 * properties hold the same socket.
 */
function watchConnections(watch: PageWatch, { request, response, isSecure }: Watched): void {
  const views = new WeakMap<object, object>()
  const shown = (connection: unknown): unknown => {
    if (typeof connection !== 'object' || connection === null) return connection
    const known = views.get(connection)
    if (known !== undefined) return known
    const view = watchedConnection(connection, watch, isSecure)
    views.set(connection, view).set(view, view)
    return view
  }
  for (const message of [request, response]) {
    for (const name of CONNECTIONS) {
      if (name in message) watch.show(message, name, shown)
    }
  }
}
