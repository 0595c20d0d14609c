/** A request, from any kind of server. */
export interface Asked {
  readonly method: string
  /** Returns a header by its name in lower case; undefined when it was not sent. */
  header(name: string): string | undefined
}

/** Headers that override the method: their responses are not pages. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override']
/** Headers of requests for one visitor, for a part, for another protocol, or with a body. */
const OF_NO_PAGE = ['authorization', 'range', 'upgrade', 'transfer-encoding', ...OVERRIDES]

/**
 * Whether a stored page may be the response: a GET or HEAD for the whole page, without a body and
 * without authorization.
 */
export function isCandidate(asked: Asked): boolean {
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return false
  if (OF_NO_PAGE.some((name) => asked.header(name) !== undefined)) return false
  return (asked.header('content-length') ?? '0') === '0'
}

/** Whether the response may be stored for other visitors too (RFC 9111, 5.2.1.5). */
export function isForAll(asked: Asked): boolean {
  return asked.method === 'GET' && !/no-store/i.test(asked.header('cache-control') ?? '')
}

/** Whether the client accepts gzip (RFC 9110, 12.5.3). */
export function takesGzip(asked: Asked): boolean {
  const wanted = (asked.header('accept-encoding') ?? '').toLowerCase()
  const qualities = new Map(
    wanted.split(',').map((coding) => {
      const [name = '', ...parameters] = coding.split(';').map((part) => part.trim())
      const quality = parameters.find((parameter) => parameter.startsWith('q='))
      return [name, quality === undefined ? 1 : Number(quality.slice(2))]
    }),
  )
  return (qualities.get('gzip') ?? qualities.get('*') ?? 0) > 0
}
