import { MintringError } from '../../errors.ts'

/**
 * What a page is called: `$host$request_uri` as nginx has them, as text whose UTF-8 is the bytes of
 * the request line, with `https://` before it for pages asked for by https.
 */
export type Address = string

/** A request that a page can be made for. */
export interface PageTarget {
  readonly address: Address
  /** As nginx's `$host`: what the application is shown while it renders for all. */
  readonly host: string
  /** The host that the application is to be told, with a port if the option `hosts` names one. */
  readonly shownHost: string
  readonly scheme: 'http' | 'https'
}

/** Host names to what the application is told for them; undefined allows every host. */
export type AllowedHosts = ReadonlyMap<string, string> | undefined

const HTTPS = 'https://'
/** Names and IPv6 literals: whatever else a Host header may hold names no page. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

/** What a page can be made for, or undefined where nginx would not look it up as it is. */
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
  // Bytes that are no UTF-8 have no text that the ring would hash as nginx does.
  if (!bytes.equals(Buffer.from(name))) return undefined
  return { address: scheme === 'https' ? HTTPS + name : name, host, shownHost, scheme }
}

/** The parts of an address. */
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
 * The addresses an absolute URL may have, as browsers ask for it: for https there are two, since a
 * proxy may end TLS and not be trusted to say so. Throws MINTRING_BAD_ARGUMENT.
 */
export function addressesOfUrl(url: string | URL): readonly [Address, ...Address[]] {
  const parsed = parseUrl(url)
  const host = normalHost(parsed.host)
  if (host === undefined) throw badUrl(url)
  const name = host + parsed.pathname + parsed.search
  return parsed.protocol === 'https:' ? [HTTPS + name, name] : [name]
}

/** The URL, when it is an absolute one of http or https. Throws MINTRING_BAD_ARGUMENT. */
export function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw badUrl(url)
  return parsed
}

/** The option `hosts`. Throws MINTRING_BAD_ARGUMENT for what is no host name. */
export function allowedHosts(hosts: readonly string[] | undefined): AllowedHosts {
  return hosts && new Map(hosts.map((host) => [checkedHost(host), host.toLowerCase()]))
}

/** nginx's `$host`: lower case, without port and trailing dot; undefined for what is none. */
export function normalHost(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined
  const host = header.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
  return HOST.test(host) ? host : undefined
}

function checkedHost(host: unknown): string {
  const normal = normalHost(host)
  if (normal !== undefined) return normal
  const shown = String(host).slice(0, 64)
  throw new MintringError('MINTRING_BAD_ARGUMENT', `'${shown}' in hosts is no host name`)
}

function badUrl(url: string | URL): MintringError {
  const shown = String(url).slice(0, 64)
  return new MintringError('MINTRING_BAD_ARGUMENT', `'${shown}' is no absolute http URL`)
}
