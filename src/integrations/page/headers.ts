import type { HeaderLines } from './rules.ts'

/** The headers to store with a page, or the header that forbids storing it. */
export type Kept =
  | { readonly headers: HeaderLines }
  /** The name of a header that must not be sent to other visitors. */
  | { readonly refused: string }

/** Headers that nginx adds to every page it serves (`add_header`); names in lower case. */
export type NginxHeaders = ReadonlyMap<string, string>

/**
 * Headers about the connection (RFC 9111, 3.1) or the encoding, and those that every hit sets anew.
 */
const REMADE: ReadonlySet<string> = new Set([
  'accept-ranges',
  'age',
  'cache-status',
  'connection',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'digest',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'repr-digest',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
])
/** Headers about one response rather than the page: hits omit them. */
const OF_ONE_RESPONSE: readonly RegExp[] = [
  /^(?:x-)?(?:ratelimit|rate-limit)(?:-|$)/,
  /^(?:x-)?(?:request-id|correlation-id|trace-id|amzn-trace-id|response-time|runtime)$/,
  /^(?:x-cache|x-cache-hits|retry-after|server-timing|traceresponse|traceparent|tracestate)$/,
  /^(?:cf-ray|x-amz-cf-id|x-amz-request-id|x-amzn-requestid|x-vercel-id|x-b3-\w+)$/,
]
/** Headers that make a front server act for one visitor, such as sending a file or signing out. */
const ORDERS: readonly RegExp[] = [
  /^x-(?:accel-redirect|sendfile|lighttpd-send-file|litespeed-location|reproxy-url)$/,
  /^set-login$/,
]
/** Headers with names that indicate one visitor's data. */
const OF_ONE_VISITOR: readonly RegExp[] = [
  ...ORDERS,
  /csrf|xsrf|token|session|secret|nonce|api-?key|passw/,
  /^x-(?:auth|user|account|customer|visitor|cart|client-ip|real-ip|forwarded-)/,
  /^(?:www-)?authenticat|(?:^|-)e?mail(?:-|$)/,
]
/** Headers that nginx cannot send, and that no visitor needs. */
const DISPENSABLE: ReadonlySet<string> = new Set([
  'cache-control',
  'cache-tag',
  'etag',
  'expires',
  'last-modified',
  'pragma',
  'server',
  'surrogate-key',
  'x-powered-by',
])
/** The limit for all headers of a page; a gzip header has room for 65,535 bytes. */
const MAX_BYTES = 16_384

/**
 * Returns the application's headers that a hit sends again (RFC 9111, 3.1): all except those about
 * the connection or one response. Refuses a page with a header for one visitor. `arrived` are the
 * headers that outer middleware already set; it sets them on hits too.
 */
export function headersToKeep(sent: HeaderLines, arrived: HeaderLines): Kept {
  const hopByHop = new Set(
    sent.flatMap(([name, value]) =>
      name === 'connection' ? value.toLowerCase().split(/[\s,]+/) : [],
    ),
  )
  const own = sent.filter(
    ([name]) =>
      !name.startsWith(':') &&
      !REMADE.has(name) &&
      !isAny(OF_ONE_RESPONSE, name) &&
      !hopByHop.has(name),
  )
  const refused = own.find(isOfOneVisitor)
  if (refused !== undefined) return { refused: refused[0] }
  const headers = own.filter(([name, value]) => !hasLine(arrived, name, value))
  const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return bytes > MAX_BYTES ? { refused: 'too many' } : { headers }
}

/**
 * Returns a header that would differ if nginx served the page, or undefined. Apart from headers
 * that no visitor needs, the page must have exactly the headers that nginx adds.
 */
export function nginxDiffersIn(kept: HeaderLines, nginx: NginxHeaders): string | undefined {
  const needed = kept.filter(([name]) => !DISPENSABLE.has(name))
  const [lost] = needed.find(([name, value]) => nginx.get(name) !== value) ?? []
  return lost ?? [...nginx.keys()].find((name) => !needed.some(([own]) => own === name))
}

function isOfOneVisitor([name, value]: HeaderLines[number]): boolean {
  if (isAny(OF_ONE_VISITOR, name)) return true
  if (name.startsWith('content-security-policy')) return /'nonce-/i.test(value)
  // Of Clear-Site-Data, "cache" is about the page; "cookies" and "storage" are about the visitor.
  if (name === 'clear-site-data') return /cookies|storage|\*/i.test(value)
  // A page allowed for one origin only is not shared, with or without `Vary`.
  if (name === 'access-control-allow-origin') return value.trim() !== '*'
  return name === 'access-control-allow-credentials'
}

function isAny(patterns: readonly RegExp[], name: string): boolean {
  return patterns.some((pattern) => pattern.test(name))
}

function hasLine(lines: HeaderLines, name: string, value: string): boolean {
  return lines.some(([own, set]) => own === name && set === value)
}
