/**
 * `mintring/page-web`: whole pages for servers of web `Request` and `Response`.
 * @module page-web
 */
import type { MemcachedClient } from '../client/client.ts'
import type { UncacheableReason } from './page/rules.ts'
import { type PageCacheOptions, pagesOf } from './page/settings.ts'
import { linesOf } from './page/web-capture.ts'
import { honoWatched } from './page/web-hono.ts'
import { watchedSurroundings } from './page/web-request.ts'
import { visitOfWeb, type WebHandover } from './page/web-visit.ts'

export type { PageCacheOptions, UncacheableReason }

/** What a server calls with each request; the rest is the server's own, such as Deno's `info`. */
export type WebHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** The part of a Hono context that this package uses. */
export interface HonoContextLike {
  /** The request, and the web Request it stands for. */
  readonly req: {
    /** The web Request. */
    raw: Request
  }
  /** The response. */
  res: Response
  /** What the server handed over. */
  readonly env: unknown
  /** What earlier middleware has set. */
  readonly var: Readonly<Record<string, unknown>>
}

/** A page cache of web requests, with what else can be done about its pages. */
export interface WebPageCache {
  /** Answers a request by a stored page, or by what `next` makes of the request it is given. */
  (request: Request, next: (request: Request) => Response | Promise<Response>): Promise<Response>
  /** A handler with the page cache before it: `Deno.serve(pages.wrap(app.fetch))`. */
  wrap<Rest extends readonly unknown[]>(
    handler: WebHandler<Rest>,
  ): (request: Request, ...rest: Rest) => Promise<Response>
  /** The same for Hono: `app.use(pages.hono)`. */
  hono(context: HonoContextLike, next: () => Promise<void>): Promise<void>
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
 * The page cache of `mintring/page` for servers of web `Request` and `Response`: Hono, Deno, Bun
 * and others. Both store the same pages under the same keys, by the same rules: docs/pages.md.
 * What the handler rejects with is the caller's. Throws MINTRING_BAD_POLICY or
 * MINTRING_BAD_ARGUMENT.
 */
export function webPageCache(client: MemcachedClient, options: PageCacheOptions): WebPageCache {
  const { pages, settings } = pagesOf('webPageCache', client, options)
  const visit = (request: Request, next: WebHandover['next']): Promise<Response> =>
    visitOfWeb(pages, settings, request, { next, isWrapped: false, arrived: [] })
  return Object.assign((request: Request, next: WebHandler<[]>) => visit(request, next), {
    wrap<Rest extends readonly unknown[]>(handler: WebHandler<Rest>) {
      return (request: Request, ...rest: Rest): Promise<Response> =>
        visit(request, (shown, watch) => {
          if (watch === undefined) return handler(shown, ...rest)
          const watched = rest.map((one) =>
            watchedSurroundings(one, watch, { shown, own: request }),
          )
          return handler(shown, ...(watched as unknown as Rest))
        })
    },
    async hono(context: HonoContextLike, next: () => Promise<void>): Promise<void> {
      const arrived = linesOf(context.res.headers)
      const given = context.req.raw
      let rendered: Response | undefined
      const response = await visitOfWeb(pages, settings, given, {
        arrived,
        // Who stands further out is not known here.
        isWrapped: true,
        async next(shown, watch) {
          if (watch !== undefined) honoWatched(context, shown, watch)
          await next()
          rendered = context.res
          return rendered
        },
      })
      if (response === rendered) return
      // Hono would add the headers of the response it has to one that has them all.
      if (rendered !== undefined) Object.assign(context, { res: undefined })
      context.res = response
    },
    refresh: (url: string | URL) => pages.refresh(url),
    purge: (url: string | URL) => pages.purge(url),
  })
}
