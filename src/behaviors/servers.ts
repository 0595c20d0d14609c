import { MintringError } from '../errors.ts'
import { type ParsedServer, parseServer, type RingServer } from '../ring/server.ts'

/** A server list as callers write it: one string (comma or space separated), or an array. */
export type ServerList = string | readonly RingServer[]

/**
 * Reads a server list.
 *
 * @throws MintringError MINTRING_NO_SERVERS for an empty list, MINTRING_DUPLICATE_SERVER when two
 * servers share an address or a name, MINTRING_BAD_SERVER for one that cannot be.
 */
export function parseServers(list: ServerList): ParsedServer[] {
  const servers = itemsOf(list).map((server) => parseServer(server))
  if (servers.length === 0) {
    throw new MintringError(
      'MINTRING_NO_SERVERS',
      "No servers: give at least one, such as '127.0.0.1:11211'",
    )
  }
  const seen = new Set<string>()
  for (const server of servers) {
    for (const identity of new Set([addressOf(server), server.label])) {
      if (!seen.has(identity)) continue
      throw new MintringError('MINTRING_DUPLICATE_SERVER', `The server ${identity} is listed twice`)
    }
    seen.add(addressOf(server)).add(server.label)
  }
  return servers
}

/** `host:port`, or the path of a socket: where a server is, whatever it is called. */
export function addressOf(server: ParsedServer): string {
  if (server.path !== undefined) return server.path
  return server.host.includes(':')
    ? `[${server.host}]:${server.port}`
    : `${server.host}:${server.port}`
}

function itemsOf(list: ServerList): RingServer[] {
  if (typeof list === 'string') return list.split(/[\s,]+/).filter((item) => item !== '')
  if (Array.isArray(list)) {
    // A string in an array may be a list itself: '10.0.0.1,10.0.0.2' from a config file.
    return list.flatMap((item: RingServer) => (typeof item === 'string' ? itemsOf(item) : [item]))
  }
  throw new MintringError(
    'MINTRING_BAD_SERVER',
    'Servers are one string (comma or space separated) or an array of strings and objects',
  )
}
