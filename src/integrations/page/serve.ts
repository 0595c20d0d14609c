import type { RefillEntry } from '../../refill/entry.ts'
import type { Page } from './body.ts'
import { plainBody } from './body.ts'
import { takesGzip } from './encoding.ts'
import type { Visit } from './visit.ts'

/** The name in Cache-Status headers (RFC 9211): a response with it came from the cache. */
export const CACHE_NAME = 'mintring'

/** How an entry came; undefined where only the page is known. */
export type Terms = Omit<RefillEntry, 'value'>

/**
 * Answers a visit with a stored page: gzipped to those who take that, without a body to HEAD.
 * Should the page not be readable it rejects, with the visit as it was.
 */
export async function servePage(
  visit: Visit,
  page: Page,
  contentType: string,
  terms: Terms | undefined,
): Promise<void> {
  const { request, response } = visit
  const isGzip = page.isGzip && takesGzip(request)
  const body = isGzip ? page.body : await plainBody(page)
  if (!visit.claim()) {
    visit.pass()
    return
  }
  response.statusCode = 200
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', body.length)
  response.setHeader('Vary', 'Accept-Encoding')
  response.setHeader('Cache-Status', statusOf(terms))
  if (isGzip) response.setHeader('Content-Encoding', 'gzip')
  response.end(request.method === 'HEAD' ? undefined : body)
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
