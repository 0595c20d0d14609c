import type { PageWatch } from './watch.ts'

/** A response whose headers can be listed. */
export interface WithHeaders {
  getHeaders?(): Readonly<Record<string, unknown>>
}

/** Headers that frameworks read whenever they send, and that the storage rules check anyway. */
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
 * Notes when the application reads a response header that earlier middleware set, because it may
 * depend on the visitor. Stops noting a header once the application has set it again.
 */
export function watchHeadersSet(watch: PageWatch, response: WithHeaders): void {
  const { getHeaders } = response
  if (getHeaders === undefined) return
  // A Fastify reply reads the response underneath, which is watched as well.
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
