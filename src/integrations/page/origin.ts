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

/** A response with all its bytes, or the first of too many. */
export interface Fetched extends Rendered {
  readonly body: Buffer
  readonly isTooLarge: boolean
}

/** Whether a chunk may be kept, and all there is with it. */
export type MayTake = (bytes: number, allBytes: number) => boolean

/** Tells the application's own middleware that a request wants the page rendered. */
const RENDER_HEADER = 'x-mintring-render'

/**
 * The application as others reach it, over HTTP: it renders pages in the background. Asks
 * without identity: no cookies, no authorization.
 */
export class Origin {
  readonly #base: URL
  readonly #token: string

  /** All processes behind one origin need the same token; the default is good for one process. */
  constructor(base: URL, token: string = randomBytes(16).toString('base64url')) {
    this.#base = base
    this.#token = token
  }

  /** Whether this request is one of render(). */
  asked(by: Asked): boolean {
    const given = by.header(RENDER_HEADER)
    if (given === undefined) return false
    const [asked, own] = [Buffer.from(given), Buffer.from(this.#token)]
    return asked.length === own.length && timingSafeEqual(asked, own)
  }

  /** Rejects when there is no whole response, or one from a cache: stale must not become fresh. */
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
    const what = 'The origin answered from the cache: give all its processes one originToken'
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
