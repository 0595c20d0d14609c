import type { IncomingMessage } from 'node:http'

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
