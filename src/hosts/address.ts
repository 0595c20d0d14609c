import { MintringError } from '../errors.ts'
import { tlsComplaint } from '../net/tls-options.ts'
import { badServer } from '../ring/bad-server.ts'
import { type ParsedServer, parseServer, type RingServer } from '../ring/server.ts'
import { kindOf } from '../secrets.ts'

/** A complete server entry: the ring places keys on it, and connections dial it. */
export type ServerAddress = ParsedServer

/** A string (comma or space separated), or an array of strings and objects. */
export type Servers = string | readonly RingServer[]

/**
 * Parses a list of servers.
 *
 * @throws MintringError MINTRING_NO_SERVERS for an empty list, MINTRING_BAD_SERVER for an invalid
 * server, MINTRING_DUPLICATE_SERVER for two with the same name.
 */
export function parseServers(servers: Servers): readonly ServerAddress[] {
  const list = typeof servers === 'string' ? servers.split(/[\s,]+/).filter(Boolean) : servers
  if (!Array.isArray(list)) {
    throw new MintringError(
      'MINTRING_BAD_SERVER',
      `The servers must be a string such as 'a:11211,b:11211' or an array, not ${kindOf(servers)}` +
        insteadOf(servers),
    )
  }
  if (list.length === 0) {
    const message = "The server list is empty: give at least one server, such as 'cache:11211'"
    throw new MintringError('MINTRING_NO_SERVERS', message)
  }
  const parsed = list.map((server: RingServer) => dialledServer(server))
  const labels = new Set<string>()
  for (const { label } of parsed) {
    if (labels.has(label)) {
      const message = `Server '${label}' is listed twice: list it once, with a weight for more keys`
      throw new MintringError('MINTRING_DUPLICATE_SERVER', message)
    }
    labels.add(label)
  }
  return parsed
}

function dialledServer(server: RingServer): ServerAddress {
  const parsed = parseServer(server)
  const complaint = parsed.tls === undefined ? undefined : tlsComplaint(parsed.tls)
  if (complaint === undefined) return parsed
  throw badServer(server, `its tls ${complaint}`)
}

function insteadOf(servers: unknown): string {
  if (servers === undefined) return ': is the environment variable set?'
  return typeof servers === 'object' && servers !== null
    ? ": write [{ host: 'a', port: 11211 }]"
    : ''
}

/** Returns a server's address for people: `host:port`, `[ipv6]:port` or the path of a socket. */
export function addressOf(server: ServerAddress): string {
  if (server.path !== undefined) return server.path
  const host = server.host.includes(':') ? `[${server.host}]` : server.host
  return `${host}:${server.port}`
}

/** Returns a server's address for diagnostics channels; a socket has a path and no port. */
export function placeOf({ host, port, path }: ServerAddress): {
  readonly serverAddress: string
  readonly serverPort: number | undefined
} {
  if (path !== undefined) return { serverAddress: path, serverPort: undefined }
  return { serverAddress: host, serverPort: port }
}

/** Returns a text of a list's servers and weights, to compare two lists. */
export function listText(servers: readonly ServerAddress[]): string {
  return servers.map((server) => `${identityOf(server)}*${server.weight}`).join()
}

/**
 * Returns a text that is equal for two list entries of the same host: its address, and its
 * connection settings. A node that was replaced under the same name has another address and is
 * another host.
 */
export function identityOf(server: ServerAddress): string {
  const { label, host, ip, port, path, tls, username, password } = server
  return JSON.stringify([label, host, ip, port, path, tls, username, password])
}
