import type { OutgoingHttpHeaders } from 'node:http'
import type { RefillEntry } from '../../refill/entry.ts'
import { unixMs } from '../../runtime.ts'
import type { Page } from './body.ts'
import { plainBody } from './body.ts'
import { takesGzip } from './encoding.ts'
import type { NginxHeaders } from './headers.ts'
import type { Visit } from './visit.ts'

/** The name in Cache-Status headers (RFC 9211): a response with it came from the cache. */
export const CACHE_NAME = 'mintring'

/** How an entry came; undefined where only the page is known. */
export type Terms = Omit<RefillEntry, 'value'>

/** What all pages of a cache have in common when they are served. */
export interface ServeSettings {
  readonly contentType: string
  /** How long a page is fresh that says nothing of its own. */
  readonly ttlSeconds: number
  readonly nginx: NginxHeaders | undefined
}

/**
 * Answers a visit with a stored page: gzipped to those who take that, without a body to HEAD,
 * without one to those who have it already. Middleware further out gets it plain, as from the
 * application. Should the page not be readable it rejects, with the visit as it was.
 */
export async function servePage(
  visit: Visit,
  page: Page,
  settings: ServeSettings,
  terms: Terms | undefined,
): Promise<void> {
  const { request, response, isWrapped } = visit
  const { head } = page
  const mayZip = !isWrapped && head?.isPlainOnly !== true
  const isGzip = page.isGzip && mayZip && takesGzip(request)
  const body = isGzip ? page.body : await plainBody(page)
  if (!visit.claim()) {
    visit.pass()
    return
  }
  const headers = headersOf(page, settings, terms)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value!)
  if (isKnownToVisitor(request.headers, headers)) {
    response.statusCode = 304
    response.end()
    return
  }
  response.statusCode = 200
  response.setHeader('Content-Type', settings.contentType)
  // Middleware further out may change the length; Node counts it then.
  if (!isWrapped) response.setHeader('Content-Length', body.length)
  if (isGzip) response.setHeader('Content-Encoding', 'gzip')
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Answers that the application fails: beyond the number that may ask it themselves meanwhile. */
export function serveFailure(visit: Visit, retryAfterMs: number): void {
  const { response } = visit
  if (!visit.claim()) {
    visit.pass()
    return
  }
  response.statusCode = 503
  response.setHeader('Retry-After', Math.max(1, Math.ceil(retryAfterMs / 1000)))
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Cache-Status', `${CACHE_NAME}; fwd=miss; detail=failing`)
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Service Unavailable\n')
}

function headersOf(
  { head }: Page,
  { ttlSeconds, nginx }: ServeSettings,
  terms: Terms | undefined,
): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = { ...Object.fromEntries(nginx ?? []), Vary: 'Accept-Encoding' }
  for (const [name, value] of head?.headers ?? []) {
    const before = kept[name]
    kept[name] =
      before === undefined || nginx?.has(name) ? value : [before, value].flat().map(String)
  }
  // The coding may differ from the application's: the same bytes cannot be promised.
  if (typeof kept.etag === 'string') kept.etag = kept.etag.replace(/^(?!W\/)/, 'W/')
  const age = ageOf(head, ttlSeconds, terms)
  return { ...kept, ...(age === undefined ? {} : { Age: age }), 'Cache-Status': statusOf(terms) }
}

/** Seconds since the application made the page (RFC 9111, 4.2.3). */
function ageOf(
  head: Page['head'],
  ttlSeconds: number,
  terms: Terms | undefined,
): number | undefined {
  if (head !== undefined) {
    const here = Math.floor((unixMs() - head.storedAtMs) / 1000)
    return head.ageSeconds + Math.max(0, here)
  }
  if (terms?.state === 'stale') return ttlSeconds + (terms.staleFor ?? 0)
  return terms?.ttl === undefined ? undefined : Math.max(0, ttlSeconds - terms.ttl)
}

/** RFC 9110, 13.1.2 and 13.1.3. */
function isKnownToVisitor(
  asked: Visit['request']['headers'],
  { etag, 'last-modified': modified }: OutgoingHttpHeaders,
): boolean {
  const known = asked['if-none-match']
  if (known !== undefined) {
    const tags = known.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    const own = String(etag ?? '').replace(/^W\//, '')
    return own !== '' && (tags.includes(own) || known.trim() === '*')
  }
  const since = Date.parse(asked['if-modified-since'] ?? '')
  return Date.parse(String(modified)) <= since
}

/** Seconds left, below 0 for a stale page, as RFC 9211 has them. */
function statusOf(terms: Terms | undefined): string {
  if (terms?.state === 'fresh' && terms.ttl !== undefined) {
    return `${CACHE_NAME}; hit; ttl=${terms.ttl}`
  }
  if (terms?.state === 'stale') return `${CACHE_NAME}; hit; ttl=${-(terms.staleFor ?? 0)}`
  if (terms?.state === 'miss') return `${CACHE_NAME}; fwd=miss; collapsed`
  return terms === undefined ? `${CACHE_NAME}; hit` : `${CACHE_NAME}; fwd=bypass; collapsed`
}
