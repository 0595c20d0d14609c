/** What is asked for, whatever kind of server received it. */
export interface Asked {
  readonly method: string
  /** A header by its name in lower case; undefined when it was not sent. */
  header(name: string): string | undefined
}

/** Asking for another method than GET: what an application makes of it is no page. */
const OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override']
/** Rights of one visitor, parts, other protocols and bodies. */
const OF_NO_PAGE = ['authorization', 'range', 'upgrade', 'transfer-encoding', ...OVERRIDES]

/**
 * Whether a stored page may answer the request: a GET or HEAD without a body, without rights of its
 * own, for the whole page, and plainly framed.
 */
export function isCandidate(asked: Asked): boolean {
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return false
  if (OF_NO_PAGE.some((name) => asked.header(name) !== undefined)) return false
  return (asked.header('content-length') ?? '0') === '0'
}

/** Whether the answer to a candidate may be stored (RFC 9111, 5.2.1.5). */
export function isForAll(asked: Asked): boolean {
  return asked.method === 'GET' && !/no-store/i.test(asked.header('cache-control') ?? '')
}

/** Whether the client takes gzip (RFC 9110, 12.5.3). */
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
