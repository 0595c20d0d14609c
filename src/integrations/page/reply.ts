import type { RefillEntry } from '../../refill/finding.ts'
import { unixMs } from '../../runtime.ts'
import { type Asked, takesGzip } from './asked.ts'
import type { Page } from './body.ts'
import { plainBody } from './body.ts'
import type { NginxHeaders } from './headers.ts'

/** Our name in Cache-Status headers (RFC 9211): a response with it came from this cache. */
export const CACHE_NAME = 'mintring'

/** What a read tells about a page besides its content: whether it is stale, and its times. */
export type ReplyTerms = Omit<RefillEntry, 'value'>

/** Headers by name; an array is sent as several lines. */
export type ReplyHeaders = Record<string, string | string[]>

/** A response to send. */
export interface PageReply {
  readonly status: number
  readonly headers: ReplyHeaders
  /** The body; undefined for 304. */
  readonly body: Buffer | undefined
}

/** Settings that the responses of all pages share. */
export interface ReplySettings {
  readonly contentType: string
  /** How long a page without its own lifetime is fresh. */
  readonly ttlSeconds: number
  readonly nginx: NginxHeaders | undefined
}

/**
 * Returns the response for a stored page: gzipped if the client accepts it, 304 if the client
 * already has it. `mayZip: false` disables gzip. Rejects if the page is corrupt.
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

/** Returns 503, for visitors beyond the number that may reach a failing application. */
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
  // The encoding may differ from the application's, so a strong ETag would be wrong.
  if (typeof kept.etag === 'string') kept.etag = kept.etag.replace(/^(?!W\/)/, 'W/')
  const age = ageOf(head, ttlSeconds, terms)
  if (age !== undefined) kept.age = String(age)
  return { ...kept, 'cache-status': statusOf(terms) }
}

/** Returns the seconds since the application rendered the page (RFC 9111, 4.2.3). */
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

/** Whether the client already has the page (RFC 9110, 13.1.2 and 13.1.3). */
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

/** Returns the Cache-Status value (RFC 9211); `ttl` is negative for a stale page. */
function statusOf(terms: ReplyTerms | undefined): string {
  if (terms?.state === 'fresh' && terms.ttl !== undefined) {
    return `${CACHE_NAME}; hit; ttl=${terms.ttl}`
  }
  if (terms?.state === 'stale') return `${CACHE_NAME}; hit; ttl=${-(terms.staleFor ?? 0)}`
  if (terms?.state === 'miss') return `${CACHE_NAME}; fwd=miss; collapsed`
  return terms === undefined ? `${CACHE_NAME}; hit` : `${CACHE_NAME}; fwd=bypass; collapsed`
}
