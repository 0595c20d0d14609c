import type { IncomingMessage } from 'node:http'
import { type AllowedHosts, normalHost, type PageTarget, targetFor } from './address.ts'

/** The host and scheme of a request, according to the framework's trusted proxies. */
export interface TargetSight {
  readonly hostname?: unknown
  readonly protocol?: unknown
}

/** Returns which page a request is for, or undefined if it cannot have a page. */
export function targetOf(
  request: IncomingMessage,
  sight: TargetSight | undefined,
  hosts: AllowedHosts,
): PageTarget | undefined {
  const scheme = schemeOf(request, sight)
  if (scheme === undefined) return undefined
  return targetFor(hostAskedFor(request, sight), uriOf(request), scheme, hosts)
}

/**
 * Returns the URL that was requested. Express and connect remove the mount path from `url`. Returns
 * undefined if `url` was rewritten in any other way: the page may then differ from its key.
 */
function uriOf(request: IncomingMessage): string | undefined {
  const { url = '' } = request
  const { originalUrl = url } = request as { originalUrl?: string }
  const isMounted = originalUrl.endsWith(url) || originalUrl.endsWith(url.slice(1))
  return originalUrl.startsWith('/') && isMounted ? originalUrl : undefined
}

/** Returns the framework's host, or else the one Host header or `:authority`. */
function hostAskedFor(
  request: IncomingMessage,
  sight: TargetSight | undefined,
): string | undefined {
  const { headers } = request
  const authority = headers[':authority'] ?? headers.host
  const own = normalHost(authority)
  if (own === undefined || (headers.host !== undefined && normalHost(headers.host) !== own)) {
    return undefined
  }
  if (hostLines(request) > 1) return undefined
  if (sight !== undefined && !areHosts(headers['x-forwarded-host'])) return undefined
  return sight?.hostname === undefined ? own : normalHost(sight.hostname)
}

function hostLines({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
}

/**
 * Whether all values of X-Forwarded-Host are host names. A framework may cut other values at a
 * colon for the key, while the application reads the whole header.
 */
function areHosts(forwarded: string | readonly string[] | undefined): boolean {
  return forwardedValues(forwarded).every((value) => normalHost(value) !== undefined)
}

/** Returns undefined for schemes other than http and https: the key cannot express them. */
function schemeOf(
  { socket }: IncomingMessage,
  sight: TargetSight | undefined,
): PageTarget['scheme'] | undefined {
  const isEncrypted = (socket as { encrypted?: boolean } | undefined)?.encrypted === true
  const scheme = sight?.protocol ?? (isEncrypted ? 'https' : 'http')
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}

/** Returns the values of a header to which each proxy may append. */
export function forwardedValues(header: string | readonly string[] | undefined): string[] {
  if (header === undefined) return []
  return String(header)
    .split(',')
    .map((value) => value.trim())
}
