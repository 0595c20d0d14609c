import { isIP, isIPv6 } from 'node:net'
import { MintringError } from '../errors.ts'
import { DEFAULT_PORT, type ParsedServer } from './server.ts'

/**
 * libmemcached's label: the host alone for port 11211, otherwise `host:port`; `path:0` for a
 * socket; no brackets.
 */
export function libmemcachedLabel(server: ParsedServer): string {
  return server.port === DEFAULT_PORT ? server.host : `${server.host}:${server.port}`
}

/** The label of libmemcached's SPY distribution: a leading slash, and always the port. */
export function ketamaSpyLabel(server: ParsedServer): string {
  return `/${server.host}:${server.port}`
}

/**
 * twemproxy's label: the server's name, or the host with the port unless it is 11211. For a socket:
 * its path with the colon that ends it in twemproxy's configuration.
 */
export function twemproxyLabel(server: ParsedServer): string {
  if (server.name !== undefined) return server.name
  return server.path === undefined ? libmemcachedLabel(server) : `${server.path}:`
}

/**
 * The label of Dalli and pymemcache: the host, always with its port; IPv6 without brackets; for a
 * socket, its path alone.
 */
export function hostPortLabel(server: ParsedServer): string {
  return server.path ?? `${server.host}:${server.port}`
}

/** The label of npm hashring and nginx: the address as configured, IPv6 in brackets. */
export function addressLabel(server: ParsedServer): string {
  return server.path ?? `${bracketed(server.host)}:${server.port}`
}

/** The label of npm memcached: the configured address without `:11211`. */
export function addressWithoutDefaultPort(server: ParsedServer): string {
  if (server.path !== undefined) return server.path
  const host = bracketed(server.host)
  return server.port === DEFAULT_PORT ? host : `${host}:${server.port}`
}

/**
 * The label of spymemcached's LIBMEMCACHED format: `getHostName()`, with the port unless it is
 * 11211.
 */
export function spymemcachedHostLabel(server: ParsedServer): string {
  const host = isIPv6(server.host) ? javaIPv6(server.host) : server.host
  return server.port === DEFAULT_PORT ? host : `${host}:${server.port}`
}

/**
 * The label of spymemcached's default format: Java's `InetSocketAddress.toString()` without a
 * leading slash. So `name/ip:port` for a host name and `ip:port` for an address.
 */
export function spymemcachedLabel(server: ParsedServer): string {
  if (isIP(server.host) !== 0) return `${javaAddress(server.host)}:${server.port}`
  if (server.ip === undefined) {
    const why = `its label in a spymemcached ring contains the resolved address: give it as 'ip'`
    throw new MintringError('MINTRING_BAD_SERVER', `Bad server ${server.label}: ${why}`)
  }
  return `${server.host}/${javaAddress(server.ip)}:${server.port}`
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}

function javaAddress(ip: string): string {
  return isIPv6(ip) ? `[${javaIPv6(ip)}]` : ip
}

/** Formats an IPv6 address as Java does: all eight groups, without leading zeros. */
function javaIPv6(ip: string): string {
  const [head = '', tail] = ip.split('::')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return [...before, ...zeros, ...after].join(':')
}

function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16).toString(16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)]
  })
}
