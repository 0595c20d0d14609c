import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RefillEntry } from '../refill/entry.ts'
import type { Page } from './page-body.ts'
import { plainBody } from './page-body.ts'

/** The name in Cache-Status headers (RFC 9211): a response with it came from the cache. */
export const CACHE_NAME = 'mintring'

/** How an entry came; undefined where only the page is known. */
export type Terms = Omit<RefillEntry, 'value'>

/** Sends a stored page: gzipped to those who take that, without a body to HEAD. */
export async function servePage(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  page: Page,
  contentType: string,
  terms: Terms | undefined,
): Promise<void> {
  const isGzip = page.isGzip && takesGzip(request)
  const body = isGzip ? page.body : await plainBody(page)
  response.statusCode = 200
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', body.length)
  response.setHeader('Vary', 'Accept-Encoding')
  response.setHeader('Cache-Status', statusOf(terms))
  if (isGzip) response.setHeader('Content-Encoding', 'gzip')
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Whether the client takes gzip (RFC 9110, 12.5.3). */
export function takesGzip(request: IncomingMessage): boolean {
  const wanted = String(request.headers['accept-encoding'] ?? '').toLowerCase()
  const qualities = new Map(
    wanted.split(',').map((coding) => {
      const [name = '', ...parameters] = coding.split(';').map((part) => part.trim())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))
      return [name, quality === undefined ? 1 : Number(quality.slice(2))]
    }),
  )
  return (qualities.get('gzip') ?? qualities.get('*') ?? 0) > 0
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
