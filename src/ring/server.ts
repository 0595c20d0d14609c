import { isIPv4, isIPv6 } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { MintringError } from '../errors.ts'

/** The port of a server that names none. */
export const DEFAULT_PORT = 11211

/** The largest weight a server may have. */
export const MAX_WEIGHT = 65_535

/** A server as an object. */
export interface ServerObject {
  /**
   * Host name or IP address, as the fleet's other clients spell it: placement depends on the
   * spelling.
   */
  readonly host?: string | undefined
  /** TCP port; 11211 by default. */
  readonly port?: number | undefined
  /** Share of the keys relative to the other servers; 1 by default, above 0 and at most 65,535. */
  readonly weight?: number | undefined
  /** The name a `twemproxy` ring places by, and what `hosts()` shows. */
  readonly name?: string | undefined
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  /** The resolved address: part of spymemcached's labels for servers with a host name. */
  readonly ip?: string | undefined
  /** TLS to this server: `true`, or options of `tls.connect`. */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** For servers that ask who is there (memcached `-Y`). */
  readonly username?: string | undefined
  /** The password that goes with `username`. */
  readonly password?: string | undefined
}

/**
 * A server: `host`, `host:port`, `host:port:weight`, `[::1]:11211`, `unix:/path`,
 * `memcached://user:pass@host:port?weight=2&name=a`, `memcacheds://…` (TLS), or an object.
 */
export type RingServer = string | ServerObject

/** A server with everything filled in. For a Unix socket `host` is the path and `port` is 0. */
export interface ParsedServer {
  /** Host name or address as it was written, without the brackets of IPv6. */
  readonly host: string
  /** TCP port. */
  readonly port: number
  /** Share of the keys relative to the other servers. */
  readonly weight: number
  /** The name it was given. */
  readonly name: string | undefined
  /** Path of a Unix socket. */
  readonly path: string | undefined
  /** The resolved address, where it was given. */
  readonly ip: string | undefined
  /** TLS to this server: `true`, or options of `tls.connect`. */
  readonly tls: boolean | ConnectionOptions | undefined
  /** For servers that ask who is there (memcached `-Y`). */
  readonly username: string | undefined
  /** The password that goes with `username`. */
  readonly password: string | undefined
  /** `name`, else `host:port`, `[ipv6]:port` or the socket's path. */
  readonly label: string
}

/**
 * Reads a server. Nothing is normalised: host names keep their case and trailing dot, because other
 * clients hash them as they are written.
 *
 * @throws MintringError MINTRING_BAD_SERVER for an address, port or weight that cannot be.
 */
export function parseServer(server: RingServer): ParsedServer {
  const parts = typeof server === 'string' ? partsOfText(server) : partsOfObject(server)
  const path = parts.path
  const host = path ?? stripBrackets(parts.host ?? '')
  const port = path === undefined ? (parts.port ?? DEFAULT_PORT) : 0
  const weight = parts.weight ?? 1
  checkHost(host, server)
  if (path === undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw badServer(server, `port ${String(port)} is not a whole number from 1 to 65535`)
  }
  checkWeight(weight, server)
  for (const field of ['name', 'ip'] as const) {
    const value = parts[field]
    if (value !== undefined && (typeof value !== 'string' || !isPlain(value))) {
      throw badServer(server, `${field} must be a string without spaces or control characters`)
    }
  }
  const { name, ip, tls, username, password } = parts
  const label = name ?? path ?? `${isIPv6(host) ? `[${host}]` : host}:${port}`
  return Object.freeze({ host, port, weight, name, path, ip, tls, username, password, label })
}

/** @throws MintringError MINTRING_BAD_SERVER unless `weight` is above 0 and at most 65,535. */
export function checkWeight(weight: number, server: RingServer): void {
  if (typeof weight === 'number' && weight > 0 && weight <= MAX_WEIGHT) return
  throw badServer(
    server,
    `weight ${String(weight)} is not a number above 0 and at most ${MAX_WEIGHT}`,
  )
}

function partsOfObject(server: ServerObject): ServerObject {
  if (typeof server !== 'object' || server === null) {
    throw badServer(server, 'a server is a string or an object')
  }
  // Some lists, libmemcached's among them, write a socket's path where the host goes.
  if (server.path === undefined && typeof server.host === 'string' && server.host.startsWith('/')) {
    return { ...server, path: server.host }
  }
  if (server.path === undefined) return server
  if (typeof server.path !== 'string' || server.path === '') {
    throw badServer(server, 'path must be the path of a socket')
  }
  return server
}

function partsOfText(text: string): ServerObject {
  if (/^memcacheds?:\/\//i.test(text)) return partsOfUrl(text)
  if (text.startsWith('unix:')) return { path: checkedPath(text.slice('unix:'.length), text) }
  if (text.startsWith('/')) return { path: text }
  if (isIPv6(text)) return { host: text }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?(?::([^:]*))?$/.exec(text)
  if (match === null) throw badServer(text, 'expected host, host:port or host:port:weight')
  const [, host = '', port, weight] = match
  return {
    host: host.startsWith('[') ? bracketed(host, text) : host,
    port: port === undefined ? undefined : wholeNumber(port, 'port', text),
    weight: weight === undefined ? undefined : decimal(weight, text),
  }
}

function partsOfUrl(text: string): ServerObject {
  const url = urlOf(text)
  for (const parameter of url.searchParams.keys()) {
    if (parameter !== 'weight' && parameter !== 'name' && parameter !== 'ip') {
      throw badServer(text, `unknown parameter '${parameter}' (weight, name and ip are known)`)
    }
  }
  // The URL parser lower-cases nothing in schemes it does not know, so the host is as it was
  // written.
  const weight = url.searchParams.get('weight')
  return {
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? undefined : wholeNumber(url.port, 'port', text),
    weight: weight === null ? undefined : decimal(weight, text),
    name: url.searchParams.get('name') ?? undefined,
    ip: url.searchParams.get('ip') ?? undefined,
    tls: /^memcacheds:/i.test(text) ? true : undefined,
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  }
}

function urlOf(text: string): URL {
  try {
    return new URL(text)
  } catch (cause) {
    throw new MintringError('MINTRING_BAD_SERVER', 'Bad server: this is not a URL', { cause })
  }
}

function checkedPath(path: string, text: string): string {
  if (path === '') throw badServer(text, 'unix: needs the path of a socket')
  return path.startsWith('//') ? path.slice(2) : path
}

function bracketed(host: string, text: string): string {
  const inner = host.slice(1, -1)
  if (!isIPv6(inner)) throw badServer(text, `'${inner}' in brackets is not an IPv6 address`)
  return inner
}

function stripBrackets(host: string): string {
  if (typeof host !== 'string' || !host.startsWith('[') || !host.endsWith(']')) return host
  return host.slice(1, -1)
}

function wholeNumber(text: string, what: string, server: string): number {
  if (!/^\d{1,9}$/.test(text)) throw badServer(server, `${what} '${text}' is not a whole number`)
  return Number(text)
}

function decimal(text: string, server: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) {
    throw badServer(server, `weight '${text}' is not a number above 0`)
  }
  return Number(text)
}

function checkHost(host: string, server: RingServer): void {
  if (typeof host !== 'string' || host === '') throw badServer(server, 'the host is missing')
  if (!isPlain(host) || host.length > 1024) {
    throw badServer(server, 'the host has spaces or control characters, or is too long')
  }
  if (/^[\d.]+$/.test(host) && host.split('.').length === 4 && !isIPv4(host)) {
    throw badServer(server, `'${host}' is not an IPv4 address`)
  }
}

function isPlain(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return text !== '' && !/[\u0000-\u0020\u007f]/.test(text)
}

function badServer(server: unknown, why: string): MintringError {
  return new MintringError('MINTRING_BAD_SERVER', `Bad server ${shown(server)}: ${why}`)
}

/** The server for a message, without what may be a credential. */
function shown(server: unknown): string {
  if (typeof server === 'string') return `'${server.replace(/\/\/[^@/]*@/, '//').slice(0, 120)}'`
  if (typeof server !== 'object' || server === null) return String(server)
  const { host, port, path } = server as ServerObject
  if (path !== undefined) return `{ path: ${String(path)} }`
  return `{ host: ${String(host)}, port: ${String(port)} }`
}
