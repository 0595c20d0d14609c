/**
 * `mintring/page-web`: a page cache for servers of web `Request` and `Response`.
 * @module page-web
 */
import type { MemcachedClient } from '../client/client.ts'
import { argument, isFunction, NEXT, unless } from './adapter-arguments.ts'
import type { UncacheableReason } from './page/rules.ts'
import { type PageCacheOptions, pagesOf } from './page/settings.ts'
import { linesOf } from './page/web-capture.ts'
import { honoWatched } from './page/web-hono.ts'
import { watchedSurroundings } from './page/web-request.ts'
import { visitOfWeb, type WebHandover } from './page/web-visit.ts'

export type { PageCacheOptions, UncacheableReason }

/** A server's request handler; `rest` are the server's own arguments, such as Deno's `info`. */
export type WebHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/** The part of a Hono context that this package uses. */
export interface HonoContextLike {
  /** The request, with the web Request underneath. */
  readonly req: {
    /** The web Request. */
    raw: Request
  }
  /** The response. */
  res: Response
  /** The environment that the server passes. */
  readonly env: unknown
  /** The variables that earlier middleware has set. */
  readonly var: Readonly<Record<string, unknown>>
}

/** A page cache for web requests, with methods for its pages. */
export interface WebPageCache {
  /** Responds with a stored page, or with the response of `next` to the request it receives. */
  (request: Request, next: (request: Request) => Response | Promise<Response>): Promise<Response>
  /** Wraps a handler with the page cache: `Deno.serve(pages.wrap(app.fetch))`. */
  wrap<Rest extends readonly unknown[]>(
    handler: WebHandler<Rest>,
  ): (request: Request, ...rest: Rest) => Promise<Response>
  /** The page cache as a middleware of Hono: `app.use(pages.hono)`. */
  hono(context: HonoContextLike, next: () => Promise<void>): Promise<void>
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
 * Returns the page cache of `mintring/page` for servers of web `Request` and `Response`: Hono,
 * Deno, Bun and others. Both store the same pages under the same keys, by the same rules
 * (docs/pages.md). A rejection of the handler rejects the call. Throws MINTRING_BAD_POLICY or
 * MINTRING_BAD_ARGUMENT.
 */
export function webPageCache(client: MemcachedClient, options: PageCacheOptions): WebPageCache {
  const { pages, settings } = pagesOf('webPageCache', client, options)
  const visit = async (request: Request, next: WebHandover['next']): Promise<Response> => {
    REQUEST(request, 'pages')
    HANDLER(next, 'pages')
    return visitOfWeb(pages, settings, request, { next, isWrapped: false, arrived: [] })
  }
  return Object.assign((request: Request, next: WebHandler<[]>) => visit(request, next), {
    wrap<Rest extends readonly unknown[]>(handler: WebHandler<Rest>) {
      HANDLER(handler, 'wrap')
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
      CONTEXT(context, 'hono')
      NEXT(next, 'hono')
      const arrived = linesOf(context.res.headers)
      const given = context.req.raw
      let rendered: Response | undefined
      const response = await visitOfWeb(pages, settings, given, {
        arrived,
        // Assume that there is outer middleware: Hono does not show whether there is.
        isWrapped: true,
        async next(shown, watch) {
          if (watch !== undefined) honoWatched(context, shown, watch)
          await next()
          rendered = context.res
          return rendered
        },
      })
      if (response === rendered) return
      // Hono would merge the headers of the previous response into this complete one.
      if (rendered !== undefined) Object.assign(context, { res: undefined })
      context.res = response
    },
    refresh: (url: string | URL) => pages.refresh(url),
    purge: (url: string | URL) => pages.purge(url),
  })
}

const REQUEST = argument(
  'request',
  unless((given) => typeof Object(given).method === 'string', 'a Request'),
)
const CONTEXT = argument(
  'context',
  unless((given) => Boolean(Object(given).req), "Hono's"),
)
const HANDLER = argument('handler', unless(isFunction, 'a function that returns a Response'))
