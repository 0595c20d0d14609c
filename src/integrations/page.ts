/**
 * `mintring/page`: whole pages, stored so that nginx can serve them.
 * @module page
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { MemcachedClient } from '../client/client.ts'
import type { TargetSight } from './page/node-target.ts'
import { type PageHandover, visitOfNode } from './page/node-visit.ts'
import type { UncacheableReason } from './page/rules.ts'
import { type PageCacheOptions, pagesOf } from './page/settings.ts'

export type { PageCacheOptions, UncacheableReason }

/** What connect, express and node:http call. What it returns is awaited if it can be. */
export type Next = (error?: unknown) => unknown

/** The part of a Fastify request that this package uses. */
export interface FastifyRequestLike {
  /** The request of node:http underneath. */
  readonly raw: PageRequest
  /** The host, by Fastify's `trustProxy`. */
  readonly hostname?: string
  /** The scheme, by Fastify's `trustProxy`. */
  readonly protocol?: string
}
/** The part of a Fastify reply that this package uses. */
export interface FastifyReplyLike {
  /** The response of node:http underneath. */
  readonly raw: PageResponse
  /** Tells Fastify that the response is written elsewhere. */
  hijack(): unknown
  /** What hooks before this one have set. */
  getHeaders?(): Record<string, number | string | string[] | undefined>
}
/** The part of a Koa context that this package uses. */
export interface KoaContextLike {
  /** The request of node:http underneath. */
  readonly req: PageRequest
  /** The response of node:http underneath. */
  readonly res: PageResponse
  /** The host, by Koa's `proxy`. */
  readonly hostname: string
  /** The scheme, by Koa's `proxy`. */
  readonly protocol: string
  /** Set to false when the response is written here. */
  respond?: boolean
  /** What middleware before this one wants to send. */
  readonly body?: unknown
}
/** A request of node:http or node:http2. */
export type PageRequest = IncomingMessage | Http2ServerRequest
/** A response of node:http or node:http2. */
export type PageResponse = ServerResponse | Http2ServerResponse

/** A middleware `(request, response, next)`, with what else can be done about its pages. */
export interface PageCache {
  (request: PageRequest, response: PageResponse, next: Next): void
  /** The same for Fastify: `fastify.addHook('onRequest', pages.onRequest)`. */
  onRequest(request: FastifyRequestLike, reply: FastifyReplyLike, done: () => void): void
  /** The same for Koa: `app.use(pages.koa)`. */
  koa(context: KoaContextLike, next: () => Promise<unknown>): Promise<void>
  /**
   * Renders an absolute URL anew and stores it, while visitors still get the page there is. Answers
   * whether a page is stored. Needs `origin`; rejects with MINTRING_BAD_ARGUMENT without it, and
   * with MINTRING_LOADER when the page cannot be rendered.
   */
  refresh(url: string | URL): Promise<boolean>
  /** Deletes the page of an absolute URL. Answers whether there was one. */
  purge(url: string | URL): Promise<boolean>
}

/**
 * Stores whole pages as nginx reads them from memcached, and serves them: fresh at once, stale
 * while one request in the whole fleet renders. Only what any shared cache may keep is stored;
 * docs/pages.md has the rules. Throws MINTRING_BAD_POLICY or MINTRING_BAD_ARGUMENT.
 */
export function pageCache(client: MemcachedClient, options: PageCacheOptions): PageCache {
  const { pages, settings } = pagesOf('pageCache', client, options)
  const visit = (given: PageRequest, answer: PageResponse, handover: PageHandover): void => {
    // Only what HTTP/1 and HTTP/2 messages have in common is used.
    const messages = { request: given as IncomingMessage, response: answer as ServerResponse }
    visitOfNode(pages, settings, messages, handover)
  }
  const middleware = (request: PageRequest, response: PageResponse, next: Next): void =>
    visit(request, response, { next, sight: expressSight(request) })
  return Object.assign(middleware, {
    onRequest(request: FastifyRequestLike, reply: FastifyReplyLike, next: () => void) {
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
        const onServed = (): void => {
          context.respond = false
          resolve()
        }
        // What rejects is Koa's to answer.
        const onward = (): void => void next().then(() => resolve(), reject)
        // Earlier middleware answered already, perhaps for this visitor alone: it is not stored.
        if (context.body !== undefined && context.body !== null) return onward()
        visit(context.req, context.res, { next: onward, sight: context, onServed })
      }),
    refresh: (url: string | URL) => pages.refresh(url),
    purge: (url: string | URL) => pages.purge(url),
  })
}

/** express has its say on the request itself. */
function expressSight(request: PageRequest): TargetSight | undefined {
  const { app } = request as { app?: { get?: unknown } }
  return typeof app?.get === 'function' ? (request as TargetSight) : undefined
}
