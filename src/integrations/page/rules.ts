/** Header lines, names in lower case; a name may come several times. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** A response as a shared cache has to judge it. */
export interface Rendered {
  readonly status: number
  readonly headers: HeaderLines
}

/** What may be done with a response: kept, for its own time if it names one, or not, and why. */
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

/** What the rules have to know beside the response. */
export interface RuleContext {
  /** The request came with a Cookie header: its response is its own unless it says otherwise. */
  readonly hasCookie: boolean
  /** The one content type nginx will claim for all pages. */
  readonly contentType: string
  readonly nowMs: number
}

const DELTA_SECONDS = /^\d{1,10}$/
/** Anything that asks for more than a lifetime: a stale page may be served by any cache here. */
const FORBIDDING = ['private', 'no-store', 'no-cache', 'must-revalidate', 'proxy-revalidate']

/** What is said to other shared caches (RFC 9213, and what was before it) is meant for this one. */
const TARGETED = /-cache-control$|^(?:surrogate|edge)-control$/

/**
 * Whether a response may be served to everybody who asks for its address, and for how long. The
 * rules of RFC 9111 for shared caches, the strict way: what is in doubt is not stored.
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
  // As nginx has it: 0 keeps a response out of its cache.
  if (all('x-accel-expires').some((life) => life.trim() === '0')) return refuse('cache-control')
  const life = lifeOf(directives, all('expires'), all('pragma'), context.nowMs)
  // Time spent in caches before this one is no part of its life here (RFC 9111, 4.2).
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

/** The age a response came with; what is no number says nothing. */
export function ageOf(lines: readonly string[]): number {
  return Math.max(0, ...lines.map((line) => (DELTA_SECONDS.test(line.trim()) ? Number(line) : 0)))
}

/** Whether the coding must stay as the application chose it (RFC 9111, 5.2.2.6). */
export function forbidsTransforms(headers: HeaderLines): boolean {
  const lines = headers.filter(([name]) => name === 'cache-control').map(([, value]) => value)
  return directivesOf(lines).has('no-transform')
}

/** Seconds, undefined when nothing is said, or `none` for what must not be kept. */
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
  // What is no date, as `Expires: 0`, is in the past.
  const leftMs = Math.min(...expires.map((date) => Date.parse(date) - nowMs))
  return leftMs >= 1000 ? Math.floor(leftMs / 1000) : 'none'
}

function forbids(directives: ReadonlyMap<string, readonly string[]>): boolean {
  return FORBIDDING.some((name) => directives.has(name))
}

/** `max-age=60, private="x, y"` to names and values. */
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
