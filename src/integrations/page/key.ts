import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { KeyMapping } from '../../client/keys.ts'
import { MintringError } from '../../errors.ts'
import { MAX_KEY_BYTES } from '../../protocol/limits.ts'

/**
 * What nginx makes of a request for its keys: `$host` and `$request_uri`, as text whose UTF-8 is
 * the bytes of the request line.
 */
export type Address = string

/** nginx escapes these in a memcached key (`ngx_escape_uri`, NGX_ESCAPE_MEMCACHED). */
const ESCAPED = /[\0-\x20%]/g
/** Names and IPv6 literals: whatever else a Host header may hold names no page. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

/** The address of a request, or undefined for one that nginx would not look up as it is. */
export function addressOf(request: IncomingMessage): Address | undefined {
  // Express and connect cut the mount path off `url`.
  const uri = (request as { originalUrl?: string }).originalUrl ?? request.url ?? ''
  const host = hostOf(request.headers.host)
  if (host === undefined || !uri.startsWith('/')) return undefined
  const bytes = Buffer.from(host + uri, 'latin1')
  const address = bytes.toString('utf8')
  // Bytes that are no UTF-8 have no text that the ring would hash as nginx does.
  return bytes.equals(Buffer.from(address)) ? address : undefined
}

/** The address of an absolute URL, as browsers ask for it. Throws MINTRING_BAD_ARGUMENT. */
export function addressOfUrl(url: string | URL): Address {
  const parsed = parseUrl(url)
  const host = hostOf(parsed.host)
  if (host === undefined) throw badUrl(url)
  return host + parsed.pathname + parsed.search
}

/** The URL, when it is an absolute one of http or https. Throws MINTRING_BAD_ARGUMENT. */
export function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') throw badUrl(url)
  return parsed
}

/** nginx's `$host`: lower case, without port and trailing dot. */
function hostOf(header: string | undefined): string | undefined {
  const host = header?.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
  return host !== undefined && HOST.test(host) ? host : undefined
}

/**
 * Addresses to the keys of `set $memcached_key "<prefix>$host$request_uri"`. nginx hashes the key
 * as it is written there, and escapes it for the wire: the ring hashes the one, and memcached has
 * the other.
 */
export function plainKeys(prefix: string): KeyMapping {
  return {
    wireKey: (address) => {
      const wireKey = Buffer.from(prefix + address)
        .toString('latin1')
        .replace(ESCAPED, percent)
      if (wireKey.length <= MAX_KEY_BYTES) return wireKey
      throw new MintringError('MINTRING_BAD_KEY', `The key is over ${MAX_KEY_BYTES} bytes`)
    },
    routeKey: (address) => prefix + address,
  }
}

/** Addresses to the keys of `set $memcached_key "<prefix>$md5"`, the MD5 of `$host$request_uri`. */
export function md5Keys(prefix: string): KeyMapping {
  const keyOf = (address: Address): string =>
    prefix + createHash('md5').update(address).digest('hex')
  return { wireKey: keyOf, routeKey: keyOf }
}

function percent(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function badUrl(url: string | URL): MintringError {
  const shown = String(url).slice(0, 64)
  return new MintringError('MINTRING_BAD_ARGUMENT', `'${shown}' is no absolute http URL`)
}
