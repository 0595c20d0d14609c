import type { IncomingMessage } from 'node:http'
import { type AllowedHosts, normalHost, type PageTarget, targetFor } from './address.ts'

/** What a framework makes of a request, by its own setting of which proxies it trusts. */
export interface TargetSight {
  readonly hostname?: unknown
  readonly protocol?: unknown
}

/** What was asked for, or undefined for what has no page. */
export function targetOf(
  request: IncomingMessage,
  sight: TargetSight | undefined,
  hosts: AllowedHosts,
): PageTarget | undefined {
  const scheme = schemeOf(request, sight)
  if (scheme === undefined) return undefined
  return targetFor(hostAskedFor(request, sight), uriOf(request), scheme, hosts)
}

/** Express and connect cut the mount path off `url`; any other change is not in the key. */
function uriOf(request: IncomingMessage): string | undefined {
  const { url = '' } = request
  const { originalUrl = url } = request as { originalUrl?: string }
  const isMounted = originalUrl.endsWith(url) || originalUrl.endsWith(url.slice(1))
  return originalUrl.startsWith('/') && isMounted ? originalUrl : undefined
}

/** What the framework says, if it says anything; else the one Host header or `:authority`. */
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

/** Frameworks cut off what follows a colon; the application may see it all the same. */
function areHosts(forwarded: string | readonly string[] | undefined): boolean {
  return forwardedValues(forwarded).every((value) => normalHost(value) !== undefined)
}

/** Undefined for another scheme, which a trusted header may say: no key tells it from http. */
function schemeOf(
  { socket }: IncomingMessage,
  sight: TargetSight | undefined,
): PageTarget['scheme'] | undefined {
  const isEncrypted = (socket as { encrypted?: boolean } | undefined)?.encrypted === true
  const scheme = sight?.protocol ?? (isEncrypted ? 'https' : 'http')
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}

/** The values of a header that each proxy may add to. */
export function forwardedValues(header: string | readonly string[] | undefined): string[] {
  if (header === undefined) return []
  return String(header)
    .split(',')
    .map((value) => value.trim())
}
