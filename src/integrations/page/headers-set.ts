import type { PageWatch } from './watch.ts'

/** A response whose headers can be listed. */
export interface WithHeaders {
  getHeaders?(): Readonly<Record<string, unknown>>
}

/** Frameworks look at these whenever they send, and the rules judge what is sent. */
const LOOKED_AT: ReadonlySet<string> = new Set([
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'last-modified',
  'transfer-encoding',
  'vary',
  'x-powered-by',
])

/**
 * Notes when the application reads a response header that middleware before the page cache had set:
 * it may be made of the visitor. Setting it anew makes it the application's own.
 */
export function watchHeadersSet(watch: PageWatch, response: WithHeaders): void {
  const { getHeaders } = response
  if (getHeaders === undefined) return
  // A reply of Fastify asks the response beneath it, which is watched as well.
  const headersNow = (): ReturnType<typeof getHeaders> =>
    watch.aside(() => Reflect.apply(getHeaders, response, []))
  const set = new Map(Object.entries(headersNow()).filter(([name]) => !LOOKED_AT.has(name)))
  if (set.size === 0) return
  const note = (given: unknown): void => {
    const name = String(given).toLowerCase()
    if (set.has(name) && headersNow()[name] === set.get(name)) watch.noteField(name)
  }
  for (const name of ['getHeader', 'hasHeader']) {
    watch.show(response, name, (read) => (header: unknown) => {
      note(header)
      return Reflect.apply(read as (name: unknown) => unknown, response, [header])
    })
  }
  for (const name of ['getHeaders', 'getHeaderNames', 'getRawHeaderNames']) {
    if (!(name in response)) continue
    watch.show(response, name, (read) => () => {
      for (const header of set.keys()) note(header)
      return Reflect.apply(read as () => unknown, response, [])
    })
  }
}
