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
   * Where this application can be asked for a page in the background, such as
   * `http://127.0.0.1:3000`: then no visitor waits for a refill, and refresh() works.
   */
  readonly origin?: string | undefined
  /** The same for all processes behind `origin`. Default: chance, good for one process. */
  readonly originToken?: string | undefined
  /** How long an address that could not be stored is left alone. Default 10. */
  readonly uncacheableTtl?: number | undefined
  /**
   * The hosts that have pages, such as `['www.example.com']`; requests for others go to the
   * application. The application is told the name as it stands here, with its port if there is one.
   * Default: all hosts, and the application is told the name without port.
   */
  readonly hosts?: readonly string[] | undefined
  /**
   * What nginx adds to the pages it serves (`add_header`): only pages with exactly these headers
   * are stored, so that nginx serves what Node would. Default: none for a client with
   * `compat.nginx`; for others all headers of a page are kept with it, and nginx must not read it.
   */
  readonly nginxHeaders?: Readonly<Record<string, string>> | undefined
  /**
   * Request headers that do not change pages although the application reads them, as for its log.
   * A page that was made while any other was read is not stored.
   */
  readonly ignoredRequestHeaders?: readonly string[] | undefined
  /**
   * Other properties of the request or its connection that do not change pages although they are
   * read, such as `remoteAddress` or `log`. Their names are those that `onUncacheable` tells.
   */
  readonly ignoredRequestFields?: readonly string[] | undefined
  /** What pages that are being rendered and stored may take in memory together. Default 64 MiB. */
  readonly maxBufferedBytes?: number | undefined
  /**
   * Told what went wrong: with the cache, where the visitor got a page all the same, and in a
   * handler that threw or rejected, where the visitor got a 500.
   */
  readonly onError?: ((error: unknown, address: string) => void) | undefined
  /** Told why a rendered page was not stored, and which header or field was the reason. */
  readonly onUncacheable?:
    | ((reason: UncacheableReason, address: string, header?: string) => void)
    | undefined
}

const DEFAULT_CONTENT_TYPE = 'text/html; charset=utf-8'
const UNCACHEABLE_SECONDS = 10
const WAIT_TIMEOUT_MS = 5000
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024

/** The pages of a client, for any kind of server. `name` is the function that was called. */
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
  const { origin, originToken, onError, onUncacheable } = options
  const policy = policyOf(options)
  // Throws for a policy that cannot hold, before the first visitor comes.
  client.define({ key: () => '', loader: () => undefined, ...policy })
  return {
    policy,
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

/** What a hook throws or rejects with is a warning: no visitor pays for it, nor the process. */
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

/** nginx reads what a client with its ring stores, and adds what it is said to add. */
function nginxHeadersOf(
  client: MemcachedClient,
  given: Readonly<Record<string, string>> | undefined,
): NginxHeaders | undefined {
  if (given === undefined && client.behaviors.distribution !== 'nginx') return undefined
  return new Map(Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Everything a page's policy says: nginx must not meet a placeholder, so it is kept beside. */
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
