import { MintringError } from '../../errors.ts'

/**
 * The name of a page: nginx's `$host$request_uri`, with `https://` before it for pages requested by
 * https. Its UTF-8 bytes are the bytes of the request line.
 */
export type Address = string

/** A request for an address that can have a page. */
export interface PageTarget {
  readonly address: Address
  /** The host, in the form of nginx's `$host`. */
  readonly host: string
  /** The host that the application sees while it renders, with the port from the option `hosts`. */
  readonly shownHost: string
  readonly scheme: 'http' | 'https'
}

/** Maps allowed host names to what the application sees; undefined allows every host. */
export type AllowedHosts = ReadonlyMap<string, string> | undefined

const HTTPS = 'https://'
/** Matches names and IPv6 literals; a Host header with anything else has no page. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

/** Returns which page a request is for, or undefined if nginx would look up another key for it. */
export function targetFor(
  host: string | undefined,
  uri: string | undefined,
  scheme: PageTarget['scheme'],
  hosts: AllowedHosts,
): PageTarget | undefined {
  if (host === undefined || uri === undefined) return undefined
  const shownHost = hosts === undefined ? host : hosts.get(host)
  if (shownHost === undefined) return undefined
  const bytes = Buffer.from(host + uri, 'latin1')
  const name = bytes.toString('utf8')
  // For bytes that are not UTF-8, the ring could not hash the same text as nginx.
  if (!bytes.equals(Buffer.from(name))) return undefined
  return { address: scheme === 'https' ? HTTPS + name : name, host, shownHost, scheme }
}

/** Splits an address into its parts. */
export function partsOf(address: Address): {
  scheme: PageTarget['scheme']
  host: string
  uri: string
} {
  const isHttps = address.startsWith(HTTPS)
  const name = isHttps ? address.slice(HTTPS.length) : address
  const slash = name.indexOf('/')
  return {
    scheme: isHttps ? 'https' : 'http',
    host: name.slice(0, slash),
    uri: name.slice(slash),
  }
}

/**
 * Returns the addresses that a browser's request for an absolute URL can have. For https there are
 * two: behind a proxy that ends TLS and is not trusted, the request counts as http. Throws
 * MINTRING_BAD_ARGUMENT.
 */
export function addressesOfUrl(url: string | URL): readonly [Address, ...Address[]] {
  const parsed = parseUrl(url)
  const host = normalHost(parsed.host)
  if (host === undefined) throw badUrl(url)
  const name = host + parsed.pathname + parsed.search
  return parsed.protocol === 'https:' ? [HTTPS + name, name] : [name]
}

/** Parses an absolute http or https URL. Throws MINTRING_BAD_ARGUMENT for others. */
export function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw badUrl(url)
  return parsed
}

/** Parses the option `hosts`. Throws MINTRING_BAD_ARGUMENT for an invalid host name. */
export function allowedHosts(hosts: readonly string[] | undefined): AllowedHosts {
  return hosts && new Map(hosts.map((host) => [checkedHost(host), host.toLowerCase()]))
}

/** Returns nginx's `$host`: lower case, without port and trailing dot; undefined if invalid. */
export function normalHost(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined
  const host = header.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
  return HOST.test(host) ? host : undefined
}

function checkedHost(host: unknown): string {
  const normal = normalHost(host)
  if (normal !== undefined) return normal
  const shown = String(host).slice(0, 64)
  throw new MintringError('MINTRING_BAD_ARGUMENT', `'${shown}' in hosts is not a host name`)
}

function badUrl(url: string | URL): MintringError {
  const shown = String(url).slice(0, 64)
  return new MintringError('MINTRING_BAD_ARGUMENT', `'${shown}' is not an absolute http URL`)
}
