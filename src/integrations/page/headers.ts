import type { HeaderLines } from './rules.ts'

/** Which headers are stored with the page, or which one forbids storing it. */
export type Kept =
  | { readonly headers: HeaderLines }
  /** The name of the header that cannot be repeated for other visitors. */
  | { readonly refused: string }

/** Headers that nginx adds to every page it serves (`add_header`); names in lower case. */
export type NginxHeaders = ReadonlyMap<string, string>

/** Of the connection (RFC 9111, 3.1), of the coding, and what every hit makes anew. */
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
/** Headers about one response and not about the page: hits go without. */
const OF_ONE_RESPONSE: readonly RegExp[] = [
  /^(?:x-)?(?:ratelimit|rate-limit)(?:-|$)/,
  /^(?:x-)?(?:request-id|correlation-id|trace-id|amzn-trace-id|response-time|runtime)$/,
  /^(?:x-cache|x-cache-hits|retry-after|server-timing|traceresponse|traceparent|tracestate)$/,
  /^(?:cf-ray|x-amz-cf-id|x-amz-request-id|x-amzn-requestid|x-vercel-id|x-b3-\w+)$/,
]
/** Headers by which a server in front does something for one visitor: sends a file, signs out. */
const ORDERS: readonly RegExp[] = [
  /^x-(?:accel-redirect|sendfile|lighttpd-send-file|litespeed-location|reproxy-url)$/,
  /^set-login$/,
]
/** Headers whose names say that they are one visitor's. */
const OF_ONE_VISITOR: readonly RegExp[] = [
  ...ORDERS,
  /csrf|xsrf|token|session|secret|nonce|api-?key|passw/,
  /^x-(?:auth|user|account|customer|visitor|cart|client-ip|real-ip|forwarded-)/,
  /^(?:www-)?authenticat|(?:^|-)e?mail(?:-|$)/,
]
/** nginx cannot send these, and no visitor is worse off without them. */
const DISPENSABLE: ReadonlySet<string> = new Set([
  'cache-control',
  'etag',
  'expires',
  'last-modified',
  'pragma',
  'server',
  'x-powered-by',
])
/** The header of a gzip member has room for 65,535 bytes; a page needs far less. */
const MAX_BYTES = 16_384

/**
 * The headers a hit repeats: all that the application sent (RFC 9111, 3.1) but those above.
 * `arrived` are headers that middleware further out had set already; it sets them on hits too.
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
 * The header that a page would lose, or gain, if nginx served it: it must have exactly those that
 * nginx adds, and beside them only what no visitor misses.
 */
export function nginxDiffersIn(kept: HeaderLines, nginx: NginxHeaders): string | undefined {
  const needed = kept.filter(([name]) => !DISPENSABLE.has(name))
  const [lost] = needed.find(([name, value]) => nginx.get(name) !== value) ?? []
  return lost ?? [...nginx.keys()].find((name) => !needed.some(([own]) => own === name))
}

function isOfOneVisitor([name, value]: HeaderLines[number]): boolean {
  if (isAny(OF_ONE_VISITOR, name)) return true
  if (name.startsWith('content-security-policy')) return /'nonce-/i.test(value)
  // "cache" alone is about the page.
  if (name === 'clear-site-data') return /cookies|storage|\*/i.test(value)
  // What is allowed to one origin alone is no page for all, whether or not `Vary` says so.
  if (name === 'access-control-allow-origin') return value.trim() !== '*'
  return name === 'access-control-allow-credentials'
}

function isAny(patterns: readonly RegExp[], name: string): boolean {
  return patterns.some((pattern) => pattern.test(name))
}

function hasLine(lines: HeaderLines, name: string, value: string): boolean {
  return lines.some(([own, set]) => own === name && set === value)
}
