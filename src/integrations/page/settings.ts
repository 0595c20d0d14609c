import type { MemcachedClient } from '../../client/client.ts'
import { secondsIn } from '../../duration.ts'
import { messageOf } from '../../errors.ts'
import type { RefillPolicy, Seconds } from '../../refill/policy.ts'
import { allowedHosts, parseUrl } from './address.ts'
import { pageCodec } from './body.ts'
import type { NginxHeaders } from './headers.ts'
import { md5Keys, plainKeys } from './key.ts'
import { checkPageOptions } from './options.ts'
import { Origin } from './origin.ts'
import type { PagesSettings } from './pages.ts'
import { Pages } from './pages.ts'
import type { UncacheableReason } from './rules.ts'
import { PageTags } from './tags.ts'

/** Options of a page cache. Durations are seconds, or text such as `'5m'`. */
export interface PageCacheOptions {
  /** How long a page without Cache-Control or Expires is fresh. */
  readonly ttl: Seconds
  /** How long after its lifetime a page is served while one request renders it. Default 60. */
  readonly staleWhileRevalidate?: Seconds | undefined
  /**
   * How long after its lifetime a page is served when rendering fails. Default:
   * staleWhileRevalidate.
   */
  readonly staleIfError?: Seconds | undefined
  /** How long a render keeps other processes from rendering the page (its lease). Default 10. */
  readonly lease?: Seconds | undefined
  /** How long to wait for another request's render before rendering too, in ms. Default 5,000. */
  readonly waitTimeoutMs?: number | undefined
  /** The prefix of every key. Default ''. */
  readonly prefix?: string | undefined
  /** `plain`: the key is host and URI, escaped as nginx does. `md5`: the MD5 of both. */
  readonly key?: 'plain' | 'md5' | undefined
  /**
   * The content type of all stored pages; others are not stored. This middleware and nginx's
   * `default_type` send it. Default `text/html; charset=utf-8`.
   */
  readonly contentType?: string | undefined
  /**
   * The URL of this application for background requests, such as `http://127.0.0.1:3000`. With it
   * no visitor waits for a refill, and refresh() works.
   */
  readonly origin?: string | undefined
  /** A secret that all processes behind `origin` share. Default: random, for one process only. */
  readonly originToken?: string | undefined
  /**
   * How long to wait before trying again to store a page that could not be stored, in seconds.
   * Default 10.
   */
  readonly uncacheableTtl?: number | undefined
  /**
   * The hosts with pages, such as `['www.example.com']`; requests for other hosts go to the
   * application. While rendering, the application sees the name as written here, including the
   * port. Default: all hosts, without port.
   */
  readonly hosts?: readonly string[] | undefined
  /**
   * The headers that nginx adds to pages (`add_header`). Only pages with exactly these headers are
   * stored, so that nginx and Node serve the same. Default with `compat.nginx`: none. Without it,
   * all headers are stored inside the page, which nginx then cannot serve.
   */
  readonly nginxHeaders?: Readonly<Record<string, string>> | undefined
  /**
   * The tags of all pages, or of a page by its address, such as `www.example.com/news`: then
   * `client.invalidateTags(tag)` makes pages stale (docs/tags.md). Default: none.
   */
  readonly tags?: readonly string[] | ((address: string) => readonly string[]) | undefined
  /**
   * The response header in which the application lists the tags of a page, such as
   * `Surrogate-Key`: text with spaces or commas between the tags. Default: none.
   */
  readonly tagHeader?: string | undefined
  /**
   * Request headers that do not affect pages although the application reads them, for example for
   * its log. If it reads any other header, the page is not stored.
   */
  readonly ignoredRequestHeaders?: readonly string[] | undefined
  /**
   * Properties of the request or its connection that do not affect pages although the application
   * reads them, such as `remoteAddress` or `log`. `onUncacheable` reports their names.
   */
  readonly ignoredRequestFields?: readonly string[] | undefined
  /**
   * The memory limit for all pages that are being rendered and stored, in bytes. Default 64 MiB.
   */
  readonly maxBufferedBytes?: number | undefined
  /**
   * Called with errors: of the cache, where the visitor still got a page, and of a handler that
   * threw or rejected, where the visitor got a 500.
   */
  readonly onError?: ((error: unknown, address: string) => void) | undefined
  /** Called when a rendered page is not stored, with the reason and the header or field. */
  readonly onUncacheable?:
    | ((reason: UncacheableReason, address: string, header?: string) => void)
    | undefined
}

const DEFAULT_CONTENT_TYPE = 'text/html; charset=utf-8'
const UNCACHEABLE_SECONDS = 10
const WAIT_TIMEOUT_MS = 5000
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024

/** Creates a page cache on a client. `name` is the function that the user called, for errors. */
export function pagesOf(
  name: string,
  client: MemcachedClient,
  options: PageCacheOptions,
): { readonly pages: Pages; readonly settings: PagesSettings } {
  checkPageOptions(name, client, options)
  const settings = settingsOf(client, options)
  const { key = 'plain', prefix = '' } = options
  const keys = key === 'md5' ? md5Keys(prefix) : plainKeys(prefix)
  return { pages: new Pages(client.view({ keys, codec: pageCodec }), settings), settings }
}

function settingsOf(client: MemcachedClient, options: PageCacheOptions): PagesSettings {
  const { origin, originToken, onError, onUncacheable, tags, tagHeader } = options
  const policy = policyOf(options)
  // Checks the policy now, before the first visitor comes.
  const known = typeof tags === 'function' ? {} : { tags }
  client.define({ key: () => '', loader: () => undefined, ...policy, ...known })
  return {
    policy,
    tags: new PageTags(tags, tagHeader),
    ttlSeconds: secondsOf(options.ttl),
    waitTimeoutMs: options.waitTimeoutMs ?? WAIT_TIMEOUT_MS,
    contentType: options.contentType ?? DEFAULT_CONTENT_TYPE,
    origin: origin === undefined ? undefined : new Origin(parseUrl(origin), originToken),
    hosts: allowedHosts(options.hosts),
    nginx: nginxHeadersOf(client, options.nginxHeaders),
    ignored: {
      headers: new Set(options.ignoredRequestHeaders?.map((name) => name.toLowerCase())),
      fields: new Set(options.ignoredRequestFields),
    },
    maxBufferedBytes: options.maxBufferedBytes ?? MAX_BUFFERED_BYTES,
    uncacheableMs: (options.uncacheableTtl ?? UNCACHEABLE_SECONDS) * 1000,
    onError: guarded('onError', onError),
    onUncacheable: guarded('onUncacheable', onUncacheable),
  }
}

/**
 * Wraps a hook: an error in it becomes a warning, and fails neither the request nor the process.
 */
function guarded<Args extends unknown[]>(
  name: string,
  hook: ((...args: Args) => unknown) | undefined,
): (...args: Args) => void {
  const failed = (error: unknown): void => {
    process.emitWarning(`${name} of a page cache failed: ${messageOf(error)}`, 'MintringWarning')
  }
  return (...args) => {
    new Promise((resolve) => resolve(hook?.(...args))).catch(failed)
  }
}

function secondsOf(given: Seconds): number {
  return typeof given === 'number' ? given : secondsIn(given)
}

/** Returns the headers nginx adds; undefined unless nginx reads the pages of this client. */
function nginxHeadersOf(
  client: MemcachedClient,
  given: Readonly<Record<string, string>> | undefined,
): NginxHeaders | undefined {
  if (given === undefined && client.behaviors.distribution !== 'nginx') return undefined
  return new Map(Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

/**
 * Returns the refill policy. Placeholders go to a separate key, because nginx must not serve one.
 */
function policyOf(options: PageCacheOptions): RefillPolicy {
  const { ttl, staleWhileRevalidate, staleIfError, lease, waitTimeoutMs } = options
  return {
    ttl,
    staleWhileRevalidate,
    staleIfError,
    lease,
    waitTimeoutMs,
    onWaitTimeout: 'undefined',
    placeholder: 'sidecar',
  }
}
