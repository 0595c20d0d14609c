import type { ClientView } from '../../client/view.ts'
import type { LoaderContext } from '../../refill/loader.ts'
import type { RefillPolicy } from '../../refill/policy.ts'
import { unixMs } from '../../runtime.ts'
import type { Address } from './address.ts'
import type { Page } from './body.ts'
import { FOREIGN, pageOf } from './body.ts'
import type { Kept, NginxHeaders } from './headers.ts'
import { headersToKeep, nginxDiffersIn } from './headers.ts'
import type { PageOutcomes } from './memory.ts'
import type { Origin } from './origin.ts'
import type { Share } from './room.ts'
import type { HeaderLines, Ruling, UncacheableReason } from './rules.ts'
import { ageOf, forbidsTransforms, judge } from './rules.ts'
import { ALL_HEADERS } from './shown.ts'
import type { PageTags } from './tags.ts'
import type { Captured, Visit } from './visit.ts'
import type { PageWatch } from './watch.ts'

/** The settings that all renders share. */
export interface RendererSettings {
  readonly contentType: string
  readonly policy: RefillPolicy
  readonly tags: PageTags
  readonly origin: Origin | undefined
  /** The headers nginx adds; undefined when nginx does not serve these pages. */
  readonly nginx: NginxHeaders | undefined
  shownHost(address: Address): string
  onUncacheable(reason: UncacheableReason, address: Address, header: string | undefined): void
}

type Loading = LoaderContext<Page | undefined>
type Storable = Extract<Ruling, { isStorable: true }>
type Refusal = Extract<Ruling, { isStorable: false }> & { readonly header?: string | undefined }

/**
 * Thrown when the visitor whose request renders the page leaves: another request must render it.
 */
export class CutShort extends Error {
  constructor() {
    super('the visitor left before the page was rendered')
    this.name = 'CutShort'
  }
}

/** A year, the longest lifetime that HTTP caches support by convention. */
const MAX_TTL_SECONDS = 31_536_000

/** Makes pages from the application's responses, and decides which of them are stored. */
export class PageRenderer {
  readonly #view: ClientView
  readonly #outcomes: PageOutcomes
  readonly #settings: RendererSettings

  constructor(view: ClientView, outcomes: PageOutcomes, settings: RendererSettings) {
    this.#view = view
    this.#outcomes = outcomes
    this.#settings = settings
  }

  /**
   * Renders a page, as the loader of a visit: the visitor's own response becomes the page. When a
   * stale page exists, the visitor gets that, and the origin (if set) renders in the background.
   */
  async render(visit: Visit, context: Loading, share: Share): Promise<Page | undefined> {
    const { origin } = this.#settings
    const { address } = visit
    if (context.stale === FOREIGN)
      throw new Error('not stored: the item under this key is not a page')
    const isCold = context.stale === undefined
    if (origin !== undefined && !isCold) return this.fetch(origin, address, context, share)
    // Do not call a failing application until its back-off is over.
    if (isCold && this.#outcomes.backOffMs(address) > 0) return undefined
    if (!visit.canRender) return this.#cutShort(context)
    const { capture, headersRead } = await this.#captured(visit, share)
    if (capture === 'cut') return this.#cutShort(context)
    if (!('body' in capture)) return this.#refuse(address, capture.ruling, context, headersRead)
    return this.#keep(address, capture, visit.arrived, context)
  }

  /** Returns the page as the origin renders it, without cookies or authorization. */
  async fetch(
    origin: Origin,
    address: Address,
    context: Loading,
    share: Share,
  ): Promise<Page | undefined> {
    const { contentType, shownHost } = this.#settings
    const maxBytes = this.#view.maxItemBytes
    const mayTake = (bytes: number, all: number): boolean => all <= maxBytes && share.take(bytes)
    const fetched = await origin.render(address, shownHost(address), context.signal, mayTake)
    const { status, headers, body, isTooLarge } = fetched
    const judged = judge(fetched, { hasCookie: false, contentType, nowMs: unixMs() })
    const ruling = judged.isStorable ? (this.#refusedHeader(headers) ?? judged) : judged
    if (!ruling.isStorable) return this.#refuse(address, ruling, context)
    if (isTooLarge || body.length === 0) {
      const reason = isTooLarge ? 'too large' : 'empty'
      return this.#refuse(address, { isStorable: false, reason, status }, context)
    }
    return this.#keep(address, { ruling, headers, body }, [], context)
  }

  /** Lets the application respond; returns the response, and the request headers that it read. */
  #captured(visit: Visit, share: Share): Promise<Captured> {
    const { contentType, nginx } = this.#settings
    return visit.render({
      hasCookie: visit.hasCookie,
      contentType,
      share,
      mustBeSent: nginx !== undefined,
      maxBytes: this.#view.maxItemBytes,
      objection: (headers, watch) => this.#refusedHeader(headers) ?? readByTheApplication(watch),
    })
  }

  #refusedHeader(headers: HeaderLines): Refusal | undefined {
    const { nginx, tags } = this.#settings
    const kept = headersToKeep(headers, [])
    const listed = tags.listed(headers)
    const lacking = nginx && !('refused' in kept) && nginxLacks(headers, kept, nginx)
    const wrongTags = typeof listed === 'string' ? listed : undefined
    const header = 'refused' in kept ? kept.refused : lacking || wrongTags
    return header === undefined
      ? undefined
      : { isStorable: false, reason: 'headers', status: 200, header }
  }

  async #keep(
    address: Address,
    { ruling, headers, body }: { ruling: Storable; headers: HeaderLines; body: Buffer },
    arrived: HeaderLines,
    context: Loading,
  ): Promise<Page | undefined> {
    const kept = headersToKeep(headers, arrived)
    const ages = headers.filter(([name]) => name === 'age').map(([, value]) => value)
    const page = await pageOf(body, ruling.isGzip, {
      storedAtMs: unixMs(),
      ageSeconds: ageOf(ages),
      headers: 'refused' in kept ? [] : kept.headers,
      isPlainOnly: forbidsTransforms(headers),
    })
    if (page === undefined) {
      const refusal = { isStorable: false, reason: 'content-encoding', status: 200 } as const
      return this.#refuse(address, refusal, context)
    }
    this.#outcomes.forget(address)
    const { ttl } = this.#settings.policy
    // Set the TTL even if it is the default: jitter would shorten it, and Age is computed from it.
    const { ttlSeconds } = ruling
    context.setTtl(ttlSeconds === undefined ? ttl : Math.min(ttlSeconds, MAX_TTL_SECONDS))
    const tags = this.#settings.tags.listed(headers)
    return typeof tags === 'string' ? page : { ...page, tags }
  }

  /**
   * Rejects a page that cannot be stored: only its own visitor gets it. A stale page stays for the
   * other visitors until it expires. They may still render, if the reason may be a header that only
   * this visitor sent.
   */
  #refuse(
    address: Address,
    { reason, status, header }: Refusal,
    { stale }: Loading,
    read: ReadonlySet<string> = new Set(),
  ): undefined {
    this.#settings.onUncacheable(reason, address, header)
    const isFailure = reason === 'status' && status >= 500
    const own = ownHeaders(reason, read)
    const isOwn = !isFailure && own.length > 0 && !own.some((name) => ALL_HEADERS.includes(name))
    if (isFailure && stale === undefined) this.#outcomes.failed(address)
    if (!isFailure) this.#outcomes.unstored(address, isOwn ? own : 'all')
    if (stale !== undefined && !isOwn) throw new Error(`not stored: ${reason}, status ${status}`)
    return undefined
  }

  /**
   * Ends a render whose visitor left. If there is a stale page, the next visitor renders. If not, a
   * waiting visitor does.
   */
  #cutShort(context: Loading): undefined {
    // The application did not fail, so the next visitor may render at once.
    context.skip()
    if (context.stale === undefined) throw new CutShort()
    return undefined
  }
}

/**
 * Returns the request headers that may have made a page private. A visitor who does not send them
 * may get a storable page.
 */
function ownHeaders(reason: UncacheableReason, read: ReadonlySet<string>): readonly string[] {
  if (reason === 'request fields') return []
  return reason === 'cookie' ? ['cookie'] : [...read]
}

/** Returns the header that nginx could not reproduce; nginx may change the encoding of any page. */
function nginxLacks(
  headers: HeaderLines,
  kept: Extract<Kept, { headers: HeaderLines }>,
  nginx: NginxHeaders,
): string | undefined {
  return forbidsTransforms(headers) ? 'cache-control' : nginxDiffersIn(kept.headers, nginx)
}

/** Rejects a response for which the application read something that is not in the key. */
function readByTheApplication({ headers, fields }: PageWatch): Refusal | undefined {
  const [field] = fields
  if (field !== undefined) {
    return { isStorable: false, reason: 'request fields', status: 200, header: field }
  }
  const [header] = headers
  if (header === undefined) return undefined
  const reason = header === 'cookie' ? 'cookie' : 'request headers'
  return { isStorable: false, reason, status: 200, header }
}
