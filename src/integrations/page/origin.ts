import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { MintringError } from '../../errors.ts'
import type { Address } from './address.ts'
import { partsOf } from './address.ts'
import type { Asked } from './asked.ts'
import { CACHE_NAME } from './reply.ts'
import type { HeaderLines, Rendered } from './rules.ts'

/** A response with its whole body, or with the first part of one that is too large. */
export interface Fetched extends Rendered {
  readonly body: Buffer
  readonly isTooLarge: boolean
}

/** Whether a chunk, and all chunks so far, may be kept in memory. */
export type MayTake = (bytes: number, allBytes: number) => boolean

/** Marks a request that must render the page instead of serving the cached one. */
const RENDER_HEADER = 'x-mintring-render'

/**
 * Requests pages from the application over HTTP, to render them in the background. Sends no cookies
 * and no authorization.
 */
export class Origin {
  readonly #base: URL
  readonly #token: string

  /**
   * `token` must be the same in all processes behind one origin; the default suits one process
   * only.
   */
  constructor(base: URL, token: string = randomBytes(16).toString('base64url')) {
    this.#base = base
    this.#token = token
  }

  /** Whether a request comes from render(). */
  asked(by: Asked): boolean {
    const given = by.header(RENDER_HEADER)
    if (given === undefined) return false
    const [asked, own] = [Buffer.from(given), Buffer.from(this.#token)]
    return asked.length === own.length && timingSafeEqual(asked, own)
  }

  /**
   * Renders a page. Rejects if the response is incomplete, or came from a cache: a stale page must
   * not become fresh.
   */
  render(
    address: Address,
    shownHost: string,
    signal: AbortSignal,
    mayTake: MayTake,
  ): Promise<Fetched> {
    const { protocol, hostname, port } = this.#base
    const { scheme, host: name, uri } = partsOf(address)
    const forwarded = { 'x-forwarded-host': shownHost, 'x-forwarded-proto': scheme }
    const headers = {
      host: shownHost,
      'accept-encoding': 'gzip',
      [RENDER_HEADER]: this.#token,
      ...(scheme === 'https' && protocol === 'http:' ? forwarded : {}),
    }
    const path = Buffer.from(uri).toString('latin1')
    const send = protocol === 'https:' ? requestHttps : requestHttp
    return new Promise((resolve, reject) => {
      const host = hostname.replace(/^\[|\]$/g, '')
      const options = { host, port, path, headers, signal, servername: name }
      const sent = send(options, (response) => receive(response, mayTake).then(resolve, reject))
      sent.once('error', reject)
      sent.end()
    })
  }
}

async function receive(response: IncomingMessage, mayTake: MayTake): Promise<Fetched> {
  const headers = linesOf(response.rawHeaders)
  const isCached = headers.some(
    ([name, value]) => name === 'cache-status' && value.startsWith(`${CACHE_NAME};`),
  )
  if (isCached) {
    response.destroy()
    const what = 'The origin replied from the cache: set the same originToken in all its processes'
    throw new MintringError('MINTRING_BAD_ARGUMENT', what)
  }
  const chunks: Buffer[] = []
  let bytes = 0
  let isTooLarge = false
  for await (const chunk of response) {
    bytes += chunk.length
    isTooLarge = !mayTake(chunk.length, bytes)
    if (isTooLarge) break
    chunks.push(chunk)
  }
  const status = response.statusCode ?? 0
  return { status, headers, body: Buffer.concat(chunks), isTooLarge }
}

function linesOf(raw: readonly string[]): HeaderLines {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]!] as const] : []))
}
