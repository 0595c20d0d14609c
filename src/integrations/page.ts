/**
 * `mintring/page`: a page cache whose pages nginx can serve.
 * @module page
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { MemcachedClient } from '../client/client.ts'
import { argument, isFunction, NEXT, unless } from './adapter-arguments.ts'
import type { TargetSight } from './page/node-target.ts'
import { type PageHandover, visitOfNode } from './page/node-visit.ts'
import type { UncacheableReason } from './page/rules.ts'
import { type PageCacheOptions, pagesOf } from './page/settings.ts'

export type { PageCacheOptions, UncacheableReason }

/** The `next` of connect, express and node:http. A returned promise is awaited. */
export type Next = (error?: unknown) => unknown

/** The part of a Fastify request that this package uses. */
export interface FastifyRequestLike {
  /** The request of node:http underneath. */
  readonly raw: PageRequest
  /** The host, according to Fastify's `trustProxy`. */
  readonly hostname?: string
  /** The scheme, according to Fastify's `trustProxy`. */
  readonly protocol?: string
}
/** The part of a Fastify reply that this package uses. */
export interface FastifyReplyLike {
  /** The response of node:http underneath. */
  readonly raw: PageResponse
  /** Tells Fastify that other code writes the response. */
  hijack(): unknown
  /** Returns the headers that earlier hooks have set. */
  getHeaders?(): Record<string, number | string | string[] | undefined>
}
/** The part of a Koa context that this package uses. */
export interface KoaContextLike {
  /** The request of node:http underneath. */
  readonly req: PageRequest
  /** The response of node:http underneath. */
  readonly res: PageResponse
  /** The host, according to Koa's `proxy`. */
  readonly hostname: string
  /** The scheme, according to Koa's `proxy`. */
  readonly protocol: string
  /** Whether Koa writes the response; the page cache sets it to false when it does so itself. */
  respond?: boolean
  /** The body that earlier middleware has set. */
  readonly body?: unknown
}
/** A request of node:http or node:http2. */
export type PageRequest = IncomingMessage | Http2ServerRequest
/** A response of node:http or node:http2. */
export type PageResponse = ServerResponse | Http2ServerResponse

/** A middleware `(request, response, next)`, with methods for its pages. */
export interface PageCache {
  (request: PageRequest, response: PageResponse, next: Next): void
  /** The page cache as a hook of Fastify: `fastify.addHook('onRequest', pages.onRequest)`. */
  onRequest(request: FastifyRequestLike, reply: FastifyReplyLike, done: () => void): void
  /** The page cache as a middleware of Koa: `app.use(pages.koa)`. */
  koa(context: KoaContextLike, next: () => Promise<unknown>): Promise<void>
  /**
   * Renders the page of an absolute URL again and stores it; meanwhile visitors get the stored
   * page. Returns whether a page was stored. Needs the option `origin`: rejects with
   * MINTRING_BAD_ARGUMENT without it, and with MINTRING_LOADER when rendering fails.
   */
  refresh(url: string | URL): Promise<boolean>
  /** Deletes the page of an absolute URL. Returns whether there was one. */
  purge(url: string | URL): Promise<boolean>
}

/**
 * Returns a middleware that stores whole pages in the form nginx reads from memcached, and serves
 * them. It serves fresh pages at once, and stale pages while one request in the whole fleet
 * renders. It stores only what a shared cache may store; docs/pages.md has the rules. Throws
 * MINTRING_BAD_POLICY or MINTRING_BAD_ARGUMENT.
 */
export function pageCache(client: MemcachedClient, options: PageCacheOptions): PageCache {
  const { pages, settings } = pagesOf('pageCache', client, options)
  const visit = (given: PageRequest, answer: PageResponse, handover: PageHandover): void => {
    REQUEST(given, 'pages')
    RESPONSE(answer, 'pages')
    NEXT(handover.next, 'pages')
    // The page cache uses only what HTTP/1 and HTTP/2 messages have in common.
    const messages = { request: given as IncomingMessage, response: answer as ServerResponse }
    visitOfNode(pages, settings, messages, handover)
  }
  const middleware = (request: PageRequest, response: PageResponse, next: Next): void =>
    visit(request, response, { next, sight: expressSight(request) })
  return Object.assign(middleware, {
    onRequest(request: FastifyRequestLike, reply: FastifyReplyLike, next: () => void) {
      RAW(request, 'onRequest')
      RAW(reply, 'onRequest')
      const onServed = (): void => {
        for (const [name, value] of Object.entries(reply.getHeaders?.() ?? {})) {
          if (value !== undefined) reply.raw.setHeader(name, value)
        }
        reply.hijack()
      }
      visit(request.raw, reply.raw, { next, sight: request, reply, onServed })
    },
    koa: (context: KoaContextLike, next: () => Promise<unknown>) =>
      new Promise<void>((resolve, reject) => {
        CONTEXT(context, 'koa')
        NEXT(next, 'koa')
        const onServed = (): void => {
          context.respond = false
          resolve()
        }
        // If `next` rejects, reject too: Koa then handles the error.
        const onward = (): void => void next().then(() => resolve(), reject)
        // Earlier middleware already set a body, perhaps for this visitor only: do not store it.
        if (context.body !== undefined && context.body !== null) return onward()
        visit(context.req, context.res, { next: onward, sight: context, onServed })
      }),
    refresh: (url: string | URL) => pages.refresh(url),
    purge: (url: string | URL) => pages.purge(url),
  })
}

const REQUEST = argument(
  'request',
  unless((given) => typeof Object(given).method === 'string', 'a request of node:http'),
)
const RESPONSE = argument(
  'response',
  unless((given) => isFunction(Object(given).setHeader), 'a response of node:http'),
)
const RAW = argument(
  'request and reply',
  unless((given) => Boolean(Object(given).raw), 'those of Fastify'),
)
const CONTEXT = argument(
  'context',
  unless((given) => Boolean(Object(given).req), "Koa's"),
)

/** Returns the request itself if express extended it with `hostname` and `protocol`. */
function expressSight(request: PageRequest): TargetSight | undefined {
  const { app } = Object(request) as { app?: { get?: unknown } }
  return typeof app?.get === 'function' ? (request as TargetSight) : undefined
}
