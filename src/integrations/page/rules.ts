/** Header lines with names in lower case; a name may occur several times. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** The part of a response that the storage rules need. */
export interface Rendered {
  readonly status: number
  readonly headers: HeaderLines
}

/**
 * The decision about a response: whether to store it, with its own lifetime or the reason against.
 */
export type Ruling =
  | { readonly isStorable: true; readonly ttlSeconds: number | undefined; readonly isGzip: boolean }
  | { readonly isStorable: false; readonly reason: UncacheableReason; readonly status: number }

/** Why a response is not stored. */
export type UncacheableReason =
  | 'status'
  | 'set-cookie'
  | 'cache-control'
  | 'vary'
  | 'content-type'
  | 'content-encoding'
  | 'cookie'
  | 'headers'
  | 'request headers'
  | 'request fields'
  | 'rewritten'
  | 'too large'
  | 'empty'

/** What the rules need besides the response. */
export interface RuleContext {
  /** Whether the request had cookies: then the response is private unless it says otherwise. */
  readonly hasCookie: boolean
  /** The one content type that nginx sends for all pages. */
  readonly contentType: string
  readonly nowMs: number
}

const DELTA_SECONDS = /^\d{1,10}$/
/** Directives that forbid to store a page, or to serve it stale, as the caches here may do. */
const FORBIDDING = ['private', 'no-store', 'no-cache', 'must-revalidate', 'proxy-revalidate']

/**
 * Headers for specific shared caches (RFC 9213 and its predecessors); they apply to this one too.
 */
const TARGETED = /-cache-control$|^(?:surrogate|edge)-control$/

/**
 * Decides whether a response may be served to every visitor of its address, and for how long.
 * Follows the rules of RFC 9111 for shared caches strictly: in doubt it does not store.
 */
export function judge({ status, headers }: Rendered, context: RuleContext): Ruling {
  const refuse = (reason: UncacheableReason): Ruling => ({ isStorable: false, reason, status })
  const all = (name: string): string[] =>
    headers.filter(([own]) => own === name).map(([, value]) => value)
  if (status !== 200) return refuse('status')
  if (all('set-cookie').length + all('set-cookie2').length > 0) return refuse('set-cookie')
  const directives = directivesOf(all('cache-control'))
  const targeted = headers.filter(([name]) => TARGETED.test(name)).map(([, value]) => value)
  if (forbids(directivesOf(targeted))) return refuse('cache-control')
  // `X-Accel-Expires: 0` tells nginx not to cache a response.
  if (all('x-accel-expires').some((life) => life.trim() === '0')) return refuse('cache-control')
  const life = lifeOf(directives, all('expires'), all('pragma'), context.nowMs)
  // The age from upstream caches counts against the lifetime (RFC 9111, 4.2).
  const leftSeconds = typeof life === 'number' ? life - ageOf(all('age')) : life
  if (leftSeconds === 'none' || (leftSeconds ?? 1) <= 0) return refuse('cache-control')
  if (!variesByEncodingOnly(all('vary'))) return refuse('vary')
  const types = all('content-type').map(normalType)
  if (types.length === 0 || types.some((type) => type !== normalType(context.contentType))) {
    return refuse('content-type')
  }
  const encodings = tokensOf(all('content-encoding')).filter((token) => token !== 'identity')
  const isGzip = encodings.length === 1 && encodings[0] === 'gzip'
  if (encodings.length > 0 && !isGzip) return refuse('content-encoding')
  const isPublic = directives.has('public') || directives.has('s-maxage')
  if (context.hasCookie && !isPublic) return refuse('cookie')
  return { isStorable: true, ttlSeconds: leftSeconds, isGzip }
}

/** Returns the age of a response; ignores values that are not numbers. */
export function ageOf(lines: readonly string[]): number {
  return Math.max(0, ...lines.map((line) => (DELTA_SECONDS.test(line.trim()) ? Number(line) : 0)))
}

/** Whether the encoding must stay as the application chose it (RFC 9111, 5.2.2.6). */
export function forbidsTransforms(headers: HeaderLines): boolean {
  const lines = headers.filter(([name]) => name === 'cache-control').map(([, value]) => value)
  return directivesOf(lines).has('no-transform')
}

/** Returns the lifetime in seconds, undefined if none is given, `none` if it must not be stored. */
function lifeOf(
  directives: ReadonlyMap<string, readonly string[]>,
  expires: readonly string[],
  pragma: readonly string[],
  nowMs: number,
): number | undefined | 'none' {
  if (forbids(directives)) return 'none'
  const ages = directives.get('s-maxage') ?? directives.get('max-age')
  if (ages !== undefined) {
    const seconds = Math.min(...ages.map((age) => (DELTA_SECONDS.test(age) ? Number(age) : 0)))
    return seconds > 0 ? seconds : 'none'
  }
  if (tokensOf(pragma).includes('no-cache')) return 'none'
  if (expires.length === 0) return undefined
  // An invalid date, such as `Expires: 0`, counts as past.
  const leftMs = Math.min(...expires.map((date) => Date.parse(date) - nowMs))
  return leftMs >= 1000 ? Math.floor(leftMs / 1000) : 'none'
}

function forbids(directives: ReadonlyMap<string, readonly string[]>): boolean {
  return FORBIDDING.some((name) => directives.has(name))
}

/** Parses `max-age=60, private="x, y"` into names and values. */
function directivesOf(lines: readonly string[]): Map<string, string[]> {
  const directives = new Map<string, string[]>()
  for (const [, name = '', quoted, plain] of lines
    .join(',')
    .matchAll(/([^\s,=]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,]*)))?/g)) {
    const key = name.toLowerCase()
    directives.set(key, [...(directives.get(key) ?? []), quoted ?? plain ?? ''])
  }
  return directives
}

function variesByEncodingOnly(lines: readonly string[]): boolean {
  return tokensOf(lines).every((token) => token === 'accept-encoding')
}

function tokensOf(lines: readonly string[]): string[] {
  const tokens = lines.join(',').split(',')
  return tokens.map((token) => token.trim().toLowerCase()).filter((token) => token !== '')
}

function normalType(type: string): string {
  return type.toLowerCase().replace(/[\s"]+/g, '')
}
