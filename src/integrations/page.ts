/**
 * `mintring/page`: whole pages, stored so that nginx can serve them.
 * @module page
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MemcachedClient } from '../client/client.ts'
import type { ClientView } from '../client/view.ts'
import { isMintringError, MintringError } from '../errors.ts'
import type { RefillPolicy, Seconds } from '../refill/policy.ts'
import { resolvePolicy } from '../refill/policy.ts'
import type { Page } from './page/body.ts'
import { pageCodec } from './page/body.ts'
import { addressOf, addressOfUrl, md5Keys, parseUrl, plainKeys } from './page/key.ts'
import { UncacheableAddresses } from './page/memory.ts'
import { Origin } from './page/origin.ts'
import { CutShort, PageRenderer } from './page/renderer.ts'
import type { Reason } from './page/rules.ts'
import { servePage } from './page/serve.ts'
import { Visit } from './page/visit.ts'

/** Settings of a page cache. Times are seconds, or such as `'5m'`. */
export interface PageCacheOptions {
  /** How long a page is fresh when its own Cache-Control or Expires does not say. */
  readonly ttl: Seconds
  /** How long after that it is served stale while one request renders it. Default 60. */
  readonly staleWhileRevalidate?: Seconds | undefined
  /** How long it is served when rendering fails. Default: staleWhileRevalidate. */
  readonly staleIfError?: Seconds | undefined
  /** After how long another process takes over from one that died while rendering. Default 10. */
  readonly lease?: Seconds | undefined
  /** How long to wait for another request's render before rendering too. Default 5,000. */
  readonly waitTimeoutMs?: number | undefined
  /** Put before every key. Default ''. */
  readonly prefix?: string | undefined
  /** `plain`: the key is host and URI, as nginx escapes them. `md5`: the MD5 of both. */
  readonly key?: 'plain' | 'md5' | undefined
  /**
   * The one content type that is stored: what is served, by this middleware and by nginx's
   * `default_type`, says it. Default `text/html; charset=utf-8`.
   */
  readonly contentType?: string | undefined
  /**
   * Where this application can be asked for a page that nobody waits for, such as
   * `http://127.0.0.1:3000`: then no visitor waits for a refill, and refresh() works.
   */
  readonly origin?: string | undefined
  /** The same for all processes behind `origin`. Default: chance, good for one process. */
  readonly originToken?: string | undefined
  /** How long an address that could not be stored is left alone. Default 10. */
  readonly uncacheableTtl?: number | undefined
  /** Told what went wrong with the cache: the visitor got a page all the same. */
  readonly onError?: ((error: unknown, address: string) => void) | undefined
  /** Told why a rendered page was not stored. */
  readonly onUncacheable?: ((reason: Reason, address: string) => void) | undefined
}

/** What connect, express and node:http call. */
export type Next = (error?: unknown) => void

/** What of Fastify's objects is used. */
export interface FastifyRequestLike {
  /** The request of node:http underneath. */
  readonly raw: IncomingMessage
}
/** What is used of a Fastify reply. */
export interface FastifyReplyLike {
  /** The response of node:http underneath. */
  readonly raw: ServerResponse
  /** Tells Fastify that the response is written elsewhere. */
  hijack(): unknown
}

/** A middleware `(request, response, next)`, with what else can be done about its pages. */
export interface PageCache {
  (request: IncomingMessage, response: ServerResponse, next: Next): void
  /** The same for Fastify: `fastify.addHook('onRequest', pages.onRequest)`. */
  onRequest(request: FastifyRequestLike, reply: FastifyReplyLike, done: Next): void
  /**
   * Renders an absolute URL anew and stores it, while visitors still get the page there is. Answers
   * whether a page is stored. Needs `origin`; rejects with MINTRING_BAD_ARGUMENT without it, and
   * with MINTRING_LOADER when the page cannot be rendered.
   */
  refresh(url: string | URL): Promise<boolean>
  /** Deletes the page of an absolute URL. Answers whether there was one. */
  purge(url: string | URL): Promise<boolean>
}

const DEFAULT_CONTENT_TYPE = 'text/html; charset=utf-8'
const UNCACHEABLE_SECONDS = 10

/**
 * Stores whole pages as nginx reads them from memcached, and serves them: fresh at once, stale
 * while one request in the whole fleet renders. Only what any shared cache may keep is stored;
 * docs/pages.md has the rules. Throws MINTRING_BAD_POLICY or MINTRING_BAD_ARGUMENT.
 */
export function pageCache(client: MemcachedClient, options: PageCacheOptions): PageCache {
  const pages = new Pages(client, options)
  const middleware = (request: IncomingMessage, response: ServerResponse, next: Next): void =>
    pages.visit(request, response, next, () => {})
  return Object.assign(middleware, {
    onRequest: (request: FastifyRequestLike, reply: FastifyReplyLike, done: Next) =>
      pages.visit(request.raw, reply.raw, done, () => reply.hijack()),
    refresh: (url: string | URL) => pages.refresh(url),
    purge: (url: string | URL) => pages.purge(url),
  })
}

class Pages {
  readonly #view: ClientView
  readonly #policy: RefillPolicy
  readonly #contentType: string
  readonly #origin: Origin | undefined
  readonly #uncacheable: UncacheableAddresses
  readonly #renderer: PageRenderer
  readonly #onError: (error: unknown, address: string) => void

  constructor(client: MemcachedClient, options: PageCacheOptions) {
    const { prefix = '', key = 'plain', contentType = DEFAULT_CONTENT_TYPE } = options
    const { origin, originToken, uncacheableTtl = UNCACHEABLE_SECONDS } = options
    const keys = key === 'md5' ? md5Keys(prefix) : plainKeys(prefix)
    this.#policy = policyOf(options)
    this.#contentType = contentType
    this.#origin = origin === undefined ? undefined : new Origin(parseUrl(origin), originToken)
    this.#uncacheable = new UncacheableAddresses(uncacheableTtl * 1000, () => performance.now())
    this.#onError = options.onError ?? (() => {})
    this.#view = client.view({ keys, codec: pageCodec })
    this.#renderer = new PageRenderer(this.#view, this.#uncacheable, {
      contentType,
      policy: this.#policy,
      origin: this.#origin,
      onError: this.#onError,
      onUncacheable: options.onUncacheable ?? (() => {}),
    })
  }

  /** Never throws: what goes wrong with the cache is no reason not to render. */
  visit(
    request: IncomingMessage,
    response: ServerResponse,
    next: Next,
    onServed: () => void,
  ): void {
    const address = isCandidate(request) ? addressOf(request) : undefined
    const who = address === undefined ? 'for all' : this.#uncacheable.get(address)
    if (address === undefined || who === 'for all' || this.#origin?.asked(request)) {
      next()
      return
    }
    const visit = new Visit(address, request, response, next, onServed)
    const mayStore = request.method === 'GET' && !(who === 'with cookies' && visit.hasCookie)
    const served = mayStore ? this.#serveOrRender(visit) : this.#serveIfThere(visit)
    served.catch((error: unknown) => {
      this.#onError(error, address)
      visit.pass()
    })
  }

  async refresh(url: string | URL): Promise<boolean> {
    const origin = this.#origin
    if (origin === undefined) {
      throw new MintringError('MINTRING_BAD_ARGUMENT', 'refresh() needs the option origin')
    }
    const address = addressOfUrl(url)
    this.#uncacheable.delete(address)
    const page = await this.#view.refresh<Page | undefined>(
      address,
      (_key, context) => this.#renderer.fetch(origin, address, context),
      this.#policy,
    )
    return page !== undefined
  }

  purge(url: string | URL): Promise<boolean> {
    const address = addressOfUrl(url)
    this.#uncacheable.delete(address)
    return this.#view.delete(address, graceOf(this.#policy))
  }

  /** Only looks: for HEAD, and for visitors whose own page could not be stored. */
  async #serveIfThere(visit: Visit): Promise<void> {
    const page = await this.#view.get<Page>(visit.address)
    if (page === undefined) visit.pass()
    else await servePage(visit, page, this.#contentType, undefined)
  }

  /** One of all who come for the page renders it, for itself and for the others. */
  async #serveOrRender(visit: Visit): Promise<void> {
    for (let attempts = MAX_ATTEMPTS; ; attempts--) {
      try {
        const { value, ...terms } = await this.#view.getOrSetEntry<Page | undefined>(
          visit.address,
          (_key, context) => this.#renderer.render(visit, context),
          this.#policy,
        )
        // The refill that replaces a stale page begins in this turn, and may be this visitor's.
        if (terms.state === 'stale') await new Promise((turn) => setImmediate(turn))
        if (value === undefined) visit.pass()
        else await servePage(visit, value, this.#contentType, terms)
        return
      } catch (error) {
        if (visit.isRendering || visit.isGone) return
        if (!isCutShort(error) || attempts === 1) throw error
      }
    }
  }
}

/** How often a visitor waits for another one to render who then leaves. */
const MAX_ATTEMPTS = 3

/** Whether a stored page may answer the request, or its answer become one. */
function isCandidate({ method, headers }: IncomingMessage): boolean {
  const isRead = method === 'GET' || method === 'HEAD'
  return isRead && headers.authorization === undefined && headers.range === undefined
}

function isCutShort(error: unknown): boolean {
  return isMintringError(error) && error.cause instanceof CutShort
}

/** Everything a page's policy says: nginx must not meet a placeholder, so it is kept beside. */
function policyOf(options: PageCacheOptions): RefillPolicy {
  const { ttl, staleWhileRevalidate, staleIfError, lease, waitTimeoutMs } = options
  const policy: RefillPolicy = {
    ttl,
    staleWhileRevalidate,
    staleIfError,
    lease,
    waitTimeoutMs,
    onWaitTimeout: 'undefined',
    placeholder: 'sidecar',
  }
  resolvePolicy(policy)
  return policy
}

function graceOf({ ttl: _ttl, ...grace }: RefillPolicy): Omit<RefillPolicy, 'ttl'> {
  return grace
}
