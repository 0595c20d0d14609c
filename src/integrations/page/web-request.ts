import type { PageTarget } from './address.ts'
import { type AllowedHosts, normalHost, partsOf, targetFor } from './address.ts'
import { type Asked, takesGzip } from './asked.ts'
import { HIDDEN, type Ignored, SHARED, sharedAccept } from './shown.ts'
import type { PageWatch } from './watch.ts'

/** Non-standard request properties in which servers describe the visitor. */
const OF_THE_VISITOR = ['cf', 'geo', 'ip', 'remoteAddr', 'remoteAddress']
/** Properties that describe the visitor, in the objects that servers pass beside the request. */
const IN_SURROUNDINGS: ReadonlySet<string> = new Set([
  ...OF_THE_VISITOR,
  'clientAddress',
  'incoming',
  'info',
  'outgoing',
  'requestIP',
])

/** Returns which page a request is for, or undefined if it cannot have a page. */
export function targetOfWeb(request: Request, hosts: AllowedHosts): PageTarget | undefined {
  const { protocol, host, pathname, search } = new URL(request.url)
  const own = normalHost(host)
  const sent = request.headers.get('host')
  // The Host header must contain only a host name: servers parse anything else differently.
  if (sent !== null && normalHost(sent) !== own) return undefined
  const scheme = protocol === 'https:' ? 'https' : 'http'
  return targetFor(own, pathname + search, scheme, hosts)
}

/**
 * Returns a request that shows the application only what is in the key, while it renders a shared
 * page. Reads of anything else the visitor sent are noted. Copies of it contain the key only.
 */
export function shownRequest(
  request: Request,
  target: PageTarget,
  asked: Asked,
  { watch, ignored }: { readonly watch: PageWatch; readonly ignored: Ignored },
): Request {
  const { shared, others } = partedHeaders(request, target, asked, ignored)
  const { uri } = partsOf(target.address)
  const url = `${target.scheme}://${target.shownHost}${uri}`
  const headers = watchedHeaders(shared, others, watch)
  const make = (): Request => {
    const made = new Request(url, { headers: shared, signal: request.signal })
    Object.defineProperties(made, { headers: { get: () => headers }, clone: { value: make } })
    for (const name of OF_THE_VISITOR) {
      const value: unknown = Reflect.get(request, name, request)
      if (value === undefined) continue
      Object.defineProperty(made, name, { value, configurable: true })
      watch.intercept(made, name, () => watch.noteField(name))
    }
    return made
  }
  return make()
}

/**
 * Wraps what a server passes beside the request, such as Deno's `info`, Bun's `server` or Hono's
 * `env`. Notes reads of what describes the visitor. Its functions receive the original request
 * instead of the shown one.
 */
export function watchedSurroundings(
  given: unknown,
  watch: PageWatch,
  { shown, own }: { readonly shown: Request; readonly own: Request },
): unknown {
  if (typeof given !== 'object' || given === null) return given
  return new Proxy(given, {
    get(target, name) {
      if (typeof name === 'string' && IN_SURROUNDINGS.has(name)) watch.noteField(name)
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || name === 'constructor') return value
      return (...args: unknown[]) =>
        Reflect.apply(
          value,
          target,
          args.map((arg) => (arg === shown ? own : arg)),
        )
    },
  })
}

/**
 * Returns the headers that the application sees. Reading one of `others` is noted, because it is
 * not in the key; listing or copying all headers notes all of `others`.
 */
function watchedHeaders(
  shared: readonly [string, string][],
  others: Map<string, string>,
  watch: PageWatch,
): Headers {
  const headers = new Headers(shared.map(([name, value]): [string, string] => [name, value]))
  const own = bound(headers)
  const other = (name: string): string | undefined => {
    const lower = String(name).toLowerCase()
    const value = others.get(lower)
    if (value !== undefined) watch.noteHeader(lower)
    return value
  }
  const all = (): [string, string][] => {
    for (const name of others.keys()) watch.noteHeader(name)
    return [...own.entries(), ...others].sort(([a], [b]) => (a < b ? -1 : 1))
  }
  const entries = (): IterableIterator<[string, string]> => all()[Symbol.iterator]()
  return Object.assign(headers, {
    entries,
    [Symbol.iterator]: entries,
    get: (name: string) => other(name) ?? own.get(name),
    has: (name: string) => other(name) !== undefined || own.has(name),
    keys: () =>
      all()
        .map(([name]) => name)
        [Symbol.iterator](),
    values: () =>
      all()
        .map(([, value]) => value)
        [Symbol.iterator](),
    forEach(call: (value: string, name: string, of: Headers) => void, self?: unknown): void {
      for (const [name, value] of all()) Reflect.apply(call, self, [value, name, headers])
    },
    // A header that the application sets itself no longer depends on the visitor.
    set(name: string, value: string): void {
      others.delete(name.toLowerCase())
      own.set(name, value)
    },
    append(name: string, value: string): void {
      const before = other(name)
      if (before !== undefined) this.set(name, before)
      own.append(name, value)
    },
    delete(name: string): void {
      others.delete(name.toLowerCase())
      own.delete(name)
    },
  })
}

/** Binds the original methods, before replacements take their names. */
function bound(
  headers: Headers,
): Pick<Headers, 'get' | 'has' | 'set' | 'append' | 'delete' | 'entries'> {
  return {
    get: headers.get.bind(headers),
    has: headers.has.bind(headers),
    set: headers.set.bind(headers),
    append: headers.append.bind(headers),
    delete: headers.delete.bind(headers),
    entries: headers.entries.bind(headers),
  }
}

function partedHeaders(
  request: Request,
  target: PageTarget,
  asked: Asked,
  ignored: Ignored,
): { readonly shared: [string, string][]; readonly others: Map<string, string> } {
  const sent = new Map(request.headers)
  for (const name of HIDDEN) sent.delete(name)
  const accept = sent.get('accept')
  const settled = sharedAccept(accept)
  if (accept !== undefined && settled !== undefined) sent.set('accept', settled)
  if (sent.has('host')) sent.set('host', target.shownHost)
  sent.set('accept-encoding', takesGzip(asked) ? 'gzip' : 'identity')
  const isShared = (name: string): boolean =>
    SHARED.includes(name) ||
    ignored.headers.has(name) ||
    (name === 'accept' && settled !== undefined)
  const all = [...sent]
  return {
    shared: all.filter(([name]) => isShared(name)),
    others: new Map(all.filter(([name]) => !isShared(name))),
  }
}
