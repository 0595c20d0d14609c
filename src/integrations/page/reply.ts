import type { RefillEntry } from '../../refill/entry.ts'
import { unixMs } from '../../runtime.ts'
import { type Asked, takesGzip } from './asked.ts'
import type { Page } from './body.ts'
import { plainBody } from './body.ts'
import type { NginxHeaders } from './headers.ts'

/** The name in Cache-Status headers (RFC 9211): a response with it came from the cache. */
export const CACHE_NAME = 'mintring'

/** How an entry came; undefined where only the page is known. */
export type ReplyTerms = Omit<RefillEntry, 'value'>

/** Headers by their names; some come several times. */
export type ReplyHeaders = Record<string, string | string[]>

/** A response to be sent. */
export interface PageReply {
  readonly status: number
  readonly headers: ReplyHeaders
  /** Undefined for 304. */
  readonly body: Buffer | undefined
}

/** What all pages of a cache have in common when they are served. */
export interface ReplySettings {
  readonly contentType: string
  /** How long a page is fresh that says nothing of its own. */
  readonly ttlSeconds: number
  readonly nginx: NginxHeaders | undefined
}

/**
 * A stored page as the answer to a request: gzipped to those who take that, 304 to those who have
 * it already. With `mayZip` false it is plain. Rejects should the page not be readable.
 */
export async function replyOf(
  asked: Asked,
  page: Page,
  settings: ReplySettings,
  { terms, mayZip }: { readonly terms: ReplyTerms | undefined; readonly mayZip: boolean },
): Promise<PageReply> {
  const isGzip = page.isGzip && mayZip && page.head?.isPlainOnly !== true && takesGzip(asked)
  const body = isGzip ? page.body : await plainBody(page)
  const headers = headersOf(page, settings, terms)
  if (isKnownToVisitor(asked, headers)) return { status: 304, headers, body: undefined }
  headers['content-type'] = settings.contentType
  if (isGzip) headers['content-encoding'] = 'gzip'
  return { status: 200, headers, body }
}

/** Says that the application fails: beyond the number that may ask it themselves meanwhile. */
export function failureReply(retryAfterMs: number): PageReply {
  return {
    status: 503,
    headers: {
      'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
      'cache-control': 'no-store',
      'cache-status': `${CACHE_NAME}; fwd=miss; detail=failing`,
      'content-type': 'text/plain; charset=utf-8',
    },
    body: Buffer.from('Service Unavailable\n'),
  }
}

function headersOf(
  { head }: Page,
  { ttlSeconds, nginx }: ReplySettings,
  terms: ReplyTerms | undefined,
): ReplyHeaders {
  const kept: ReplyHeaders = { ...Object.fromEntries(nginx ?? []), vary: 'Accept-Encoding' }
  for (const [name, value] of head?.headers ?? []) {
    const before = kept[name]
    kept[name] = before === undefined || nginx?.has(name) ? value : [before, value].flat()
  }
  // The coding may differ from the application's: the same bytes cannot be promised.
  if (typeof kept.etag === 'string') kept.etag = kept.etag.replace(/^(?!W\/)/, 'W/')
  const age = ageOf(head, ttlSeconds, terms)
  if (age !== undefined) kept.age = String(age)
  return { ...kept, 'cache-status': statusOf(terms) }
}

/** Seconds since the application made the page (RFC 9111, 4.2.3). */
function ageOf(
  head: Page['head'],
  ttlSeconds: number,
  terms: ReplyTerms | undefined,
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
  asked: Asked,
  { etag, 'last-modified': modified }: ReplyHeaders,
): boolean {
  const known = asked.header('if-none-match')
  if (known !== undefined) {
    const tags = known.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
    const own = String(etag ?? '').replace(/^W\//, '')
    return own !== '' && (tags.includes(own) || known.trim() === '*')
  }
  const since = Date.parse(asked.header('if-modified-since') ?? '')
  return Date.parse(String(modified)) <= since
}

/** Seconds left, below 0 for a stale page, as RFC 9211 has them. */
function statusOf(terms: ReplyTerms | undefined): string {
  if (terms?.state === 'fresh' && terms.ttl !== undefined) {
    return `${CACHE_NAME}; hit; ttl=${terms.ttl}`
  }
  if (terms?.state === 'stale') return `${CACHE_NAME}; hit; ttl=${-(terms.staleFor ?? 0)}`
  if (terms?.state === 'miss') return `${CACHE_NAME}; fwd=miss; collapsed`
  return terms === undefined ? `${CACHE_NAME}; hit` : `${CACHE_NAME}; fwd=bypass; collapsed`
}
