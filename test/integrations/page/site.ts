import { once } from 'node:events'
import type { IncomingHttpHeaders, RequestListener, Server } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** The response to a request. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** A site on 127.0.0.1, with functions that request its pages. */
export interface Site {
  readonly port: number
  readonly origin: string
  /** GETs a path of example.com, unless the options say otherwise. */
  ask(path: string, options?: http.RequestOptions): Promise<Answer>
  close(): Promise<void>
}

/** Serves `listener` until close(). */
export async function startSite(listener: RequestListener): Promise<Site> {
  return siteOf(http.createServer(listener))
}

/** A server that a framework has already made. */
export async function siteOf(server: Server): Promise<Site> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    ask: (path, options) => askPort(port, path, options),
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Sends one request to 127.0.0.1 and returns the complete response. */
export async function askPort(
  port: number,
  path: string,
  options: http.RequestOptions = {},
): Promise<Answer> {
  const headers = { host: 'example.com', ...(options.headers as http.OutgoingHttpHeaders) }
  const sent = http.request({ host: '127.0.0.1', port, path, agent: false, ...options, headers })
  sent.end()
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  }
}

/** Whether a response came out of the cache. */
export function isHit({ headers }: Answer): boolean {
  return String(headers['cache-status'] ?? '').startsWith('mintring; hit')
}
