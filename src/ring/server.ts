import { isIPv4 } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { nameShown } from '../secrets.ts'
import { badServer, number } from './bad-server.ts'
import { checkedPath, isIPv6Address, MAX_WEIGHT, partsOfText } from './server-text.ts'
import { didYouMean } from './suggest.ts'

/** The default port of memcached. */
export const DEFAULT_PORT = 11211

/** A server as an object. */
export interface ServerObject {
  /**
   * Host name or IP address. Spell it as the other clients of the fleet do: placement depends on
   * the spelling.
   */
  readonly host?: string | undefined
  /** TCP port; 11211 by default. */
  readonly port?: number | undefined
  /** Share of the keys relative to the other servers: above 0, at most 65,535. Default 1. */
  readonly weight?: number | undefined
  /** The name that `hosts()` shows, and by which a `twemproxy` or `hashring` ring places keys. */
  readonly name?: string | undefined
  /**
   * Number of labels of this server on a `hashring` ring, 0 to 65,536. Default: its share by
   * weight.
   */
  readonly vnodes?: number | undefined
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  /** The resolved IP address: spymemcached's labels contain it if the server has a host name. */
  readonly ip?: string | undefined
  /** TLS to this server: `true`, or options of `tls.connect`. */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** User name, for servers that require authentication (memcached `-Y`). */
  readonly username?: string | undefined
  /** The password that goes with `username`. */
  readonly password?: string | undefined
}

/**
 * A server: `host`, `host:port`, `host:port:weight`, `[::1]:11211`, `unix:/path`,
 * `memcached://user:pass@host:port?weight=2&name=a`, `memcacheds://…` (TLS), or an object.
 */
export type RingServer = string | ServerObject

/** A server with all defaults filled in. For a Unix socket, `host` is the path and `port` is 0. */
export interface ParsedServer {
  /** Host name or address as written, without the brackets of IPv6. */
  readonly host: string
  /** TCP port. */
  readonly port: number
  /** Share of the keys relative to the other servers. */
  readonly weight: number
  /** The name, if the server was given one. */
  readonly name: string | undefined
  /** Number of labels of this server on a `hashring` ring, if set. */
  readonly vnodes: number | undefined
  /** Path of the Unix socket, if the server is one. */
  readonly path: string | undefined
  /** The resolved IP address, if it was given. */
  readonly ip: string | undefined
  /** TLS to this server: `true`, or options of `tls.connect`. */
  readonly tls: boolean | ConnectionOptions | undefined
  /** User name, for servers that require authentication (memcached `-Y`). */
  readonly username: string | undefined
  /** The password that goes with `username`. */
  readonly password: string | undefined
  /** The server's `name`; without one `host:port`, `[ipv6]:port` or the socket's path. */
  readonly label: string
}

/** The fields that a server object may have. `label` is allowed because a ParsedServer has one. */
const FIELDS: ReadonlySet<string> = new Set([
  ...[
    'host',
    'port',
    'weight',
    'name',
    'vnodes',
    'path',
    'ip',
    'tls',
    'username',
    'password',
    'label',
  ],
])

/**
 * Parses and checks a server. Host names keep their case and a trailing dot, because other clients
 * hash them as written.
 *
 * @throws MintringError MINTRING_BAD_SERVER for an invalid address, port or weight.
 */
export function parseServer(server: RingServer): ParsedServer {
  const parts = typeof server === 'string' ? partsOfText(server) : partsOfObject(server)
  const path = parts.path
  const host = path ?? stripBrackets(parts.host ?? '')
  const { port: givenPort = DEFAULT_PORT, weight = 1 } = parts
  const port = path === undefined ? givenPort : 0
  if (path === undefined) checkHost(host, server)
  if (path === undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw badServer(server, `the port ${number(port)} is not a whole number from 1 to 65535`)
  }
  checkWeight(weight, server)
  checkTexts(parts, server)
  const { name, vnodes, ip, tls, username, password } = parts
  if (vnodes !== undefined && !(Number.isInteger(vnodes) && vnodes >= 0 && vnodes <= 65_536)) {
    throw badServer(server, `vnodes ${number(vnodes)} is not a whole number from 0 to 65536`)
  }
  const label = name ?? path ?? `${isIPv6Address(host) ? `[${host}]` : host}:${port}`
  return Object.freeze({
    ...{ host, port, weight, name, vnodes, path, ip },
    ...{ tls, username, password, label },
  })
}

/** Returns whether a server states its weight, as `host:port:2` does. Throws like parseServer(). */
export function saysWeight(server: RingServer): boolean {
  parseServer(server)
  const parts = typeof server === 'string' ? partsOfText(server) : server
  return parts.weight !== undefined
}

/**
 * Checks a weight.
 *
 * @throws MintringError MINTRING_BAD_SERVER unless it is above 0 and at most 65,535.
 */
export function checkWeight(weight: number, server: RingServer): void {
  if (typeof weight === 'number' && weight > 0 && weight <= MAX_WEIGHT) return
  throw badServer(
    server,
    `the weight ${number(weight)} is not a number above 0 and at most ${MAX_WEIGHT}`,
  )
}

function partsOfObject(server: ServerObject): ServerObject {
  if (typeof server !== 'object' || server === null || Array.isArray(server)) {
    throw badServer(server, "a server is a string such as 'host:11211', or { host, port }")
  }
  for (const field of Object.keys(server)) {
    if (FIELDS.has(field)) continue
    const hint = didYouMean(field, [...FIELDS]) || ` It has ${[...FIELDS].slice(0, -1).join(', ')}.`
    throw badServer(server, `a server has no '${nameShown(field)}'.${hint}`)
  }
  // Some lists, such as libmemcached's, write the path of a socket in place of the host.
  if (server.path === undefined && typeof server.host === 'string' && server.host.startsWith('/')) {
    return { ...server, path: server.host }
  }
  if (server.path === undefined) return server
  return { ...server, path: checkedPath(server.path, server) }
}

function stripBrackets(host: string): string {
  if (typeof host !== 'string' || !host.startsWith('[') || !host.endsWith(']')) return host
  return host.slice(1, -1)
}

function checkHost(host: string, server: RingServer): void {
  if (typeof host !== 'string' || host === '') throw badServer(server, 'the host is missing')
  if (!isPlain(host) || host.length > 1024) {
    throw badServer(server, 'the host has spaces or control characters, or is too long')
  }
  if (/[;|"'`<>()[\]{}]/.test(host)) {
    throw badServer(server, 'the host is not a host name: separate servers by commas or spaces')
  }
  if (/[@/?#\\]/.test(host)) {
    throw badServer(server, 'the host is not a host name: pass a URL as a string')
  }
  if (/^-|=/.test(host)) {
    throw badServer(server, 'an option is not a host name: pass options as behaviors')
  }
  if (/^[\d.]+$/.test(host) && host.split('.').length === 4 && !isIPv4(host)) {
    throw badServer(server, `'${host}' is not an IPv4 address`)
  }
}

function checkTexts(parts: ServerObject, server: RingServer): void {
  for (const field of ['name', 'ip'] as const) {
    const value = parts[field]
    if (value !== undefined && (typeof value !== 'string' || !isPlain(value))) {
      throw badServer(server, `${field} must be a string without spaces or control characters`)
    }
  }
  if (parts.name?.includes('://')) throw badServer(server, 'its name is a URL: choose a short name')
  for (const field of ['username', 'password'] as const) {
    const value: unknown = parts[field]
    if (value !== undefined && typeof value !== 'string') {
      throw badServer(server, `the ${field} must be a string, not a ${typeof value}`)
    }
  }
  const tls: unknown = parts.tls
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw badServer(server, 'tls must be true, false or the options of tls.connect')
  }
}

function isPlain(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression must find them
  return text !== '' && !/[\u0000-\u0020\u007f]/.test(text)
}
