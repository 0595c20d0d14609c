import { IncomingMessage, type ServerResponse } from 'node:http'
import { watchedConnection } from './connection.ts'
import type { TargetSight } from './node-target.ts'
import { type PageWatch, tellsSomething } from './watch.ts'

/** What frameworks work out of forwarded headers and connections, and the key holds. */
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
/** The visitor's address, by the framework's setting of which proxies it trusts. */
const ADDRESSES = ['ip', 'ips']
/** As the tools name it that `ignoredRequestFields` is for. */
const ADDRESS = 'remoteAddress'
const CONNECTIONS = ['socket', 'connection', 'client', 'stream']
const VERSIONS = ['httpVersion', 'httpVersionMajor', 'httpVersionMinor']
/** Where loggers put the address when a request comes, for what they write after it. */
const LOGGED_ADDRESS = '_remoteAddress'

/** Set by Node and by the frameworks themselves, from the key alone. */
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(new IncomingMessage(undefined as never)),
  'app',
  'headersDistinct',
  'baseUrl',
  'captures',
  'context',
  'ctx',
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

/** A request as Node has it and as the framework has it. */
export interface Watched {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly sight: TargetSight | undefined
  readonly isSecure: boolean
}

/**
 * Watches what of a request, beside its headers, is not in the key: its connection, its version,
 * the visitor's address, and what middleware before the page cache made of it, such as a session.
 */
export function watchFields(watch: PageWatch, watched: Watched): void {
  const { request, response, sight } = watched
  const framework = (sight ?? {}) as { raw?: object; request?: object; response?: object }
  watchConnections(watch, watched)
  // Fastify asks for the version with every reply.
  const versions = framework.raw === undefined ? VERSIONS : ['httpVersion', 'httpVersionMinor']
  for (const name of versions) watch.intercept(request, name, () => watch.noteField(name))
  watch.slot(request, LOGGED_ADDRESS, ADDRESS)
  for (const seen of new Set([request, sight, framework.request])) {
    if (seen !== undefined) watchFramework(watch, seen)
  }
  // Koa asks for the version when its status is set.
  if (framework.response !== undefined) watch.exempt(framework.response, 'status')
  for (const [owner, name] of [
    [response, 'locals'],
    [framework, 'state'],
  ] as const) {
    if (tellsSomething(owner, name)) watch.intercept(owner, name, () => watch.noteField(name))
  }
}

function watchFramework(watch: PageWatch, seen: object): void {
  const inherits = (name: string): boolean => name in Object.getPrototypeOf(seen)
  for (const name of OF_THE_KEY) {
    if (inherits(name) && !Object.hasOwn(seen, name)) watch.exempt(seen, name)
  }
  for (const name of ADDRESSES) {
    if (name in seen) watch.intercept(seen, name, () => watch.noteField(ADDRESS))
  }
  const isOfFastify = 'raw' in seen
  for (const name of Object.keys(seen)) {
    const isKnown = KNOWN.has(name) || name.startsWith('_') || ADDRESSES.includes(name)
    if (isKnown || !tellsSomething(seen, name)) continue
    // What plugins add to all requests of Fastify, not to this one.
    if (isOfFastify && typeof Reflect.get(seen, name) === 'function') continue
    watch.intercept(seen, name, () => watch.noteField(name))
  }
}

/** Shows sockets and streams watched, one view of each: some names of them stand for others. */
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
