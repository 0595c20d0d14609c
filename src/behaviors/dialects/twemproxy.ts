import { compat } from '../../ring/compat.ts'
import { parseServer, type RingServer } from '../../ring/server.ts'
import { badBehavior } from '../check.ts'
import {
  flagOf,
  NO_PAUSE_MS,
  numberOf,
  type TranslatedBehaviors,
  Translation,
} from './translation.ts'

/** One pool of nutcracker.yml, as a YAML parser returns it. */
export type TwemproxyPool = Readonly<Record<string, unknown>>

/** Settings of the proxy itself, which a client without a proxy does not need. */
const PROXY_SIDE: Readonly<Record<string, string>> = {
  listen: 'there is no proxy to listen: services connect to the servers directly',
  client_connections: 'there is no proxy to connect to',
  backlog: 'there is no proxy to connect to',
}

const KNOWN: readonly string[] = [
  ...Object.keys(PROXY_SIDE),
  ...['auto_eject_hosts', 'distribution', 'hash', 'hash_tag', 'preconnect', 'redis'],
  ...['redis_auth', 'redis_db', 'server_connections', 'server_failure_limit'],
  ...['server_retry_timeout', 'servers', 'tcpkeepalive', 'timeout'],
]

type Reader = (translation: Translation, value: unknown) => void

const READERS: Readonly<Record<string, Reader>> = {
  distribution(translation, value) {
    if (value === 'ketama') return
    if (value === 'modula') return translation.set({ distribution: 'twemproxyModula' })
    if (value !== 'random')
      throw badBehavior('twemproxy distribution must be ketama, modula or random')
    const why = 'not supported: a value on a random host is never found; ketama is used'
    translation.warn('distribution random', why)
  },
  preconnect(translation, value) {
    if (flagOf(value, 'twemproxy preconnect')) translation.set({ connections: { min: 1 } })
  },
  redis(_translation, value) {
    if (flagOf(value, 'twemproxy redis'))
      throw badBehavior('twemproxy redis: this is a memcached client')
  },
  redis_auth: () => {
    throw badBehavior('twemproxy redis_auth: this is a memcached client')
  },
  redis_db(translation) {
    translation.warn('redis_db', 'memcached has no databases; use keyPrefix')
  },
  servers(translation, value) {
    if (!Array.isArray(value))
      throw badBehavior('twemproxy servers must be a list of host:port:weight')
    for (const server of value) translation.servers.push(serverOf(server))
  },
  server_connections(translation, value) {
    const max = numberOf(value, 'twemproxy server_connections')
    translation.set({ connections: { min: Math.min(1, max), max } })
  },
  server_failure_limit(translation, value) {
    // twemproxy counts the first failure before it compares, so 0 ejects like 1.
    const limit = numberOf(value, 'twemproxy server_failure_limit')
    translation.set({ serverFailureLimit: limit === 0 ? 1 : limit })
  },
  server_retry_timeout(translation, value) {
    const retryTimeoutMs = numberOf(value, 'twemproxy server_retry_timeout')
    translation.set({ retryTimeoutMs: retryTimeoutMs === 0 ? NO_PAUSE_MS : retryTimeoutMs })
  },
  tcpkeepalive(translation, value) {
    if (!flagOf(value, 'twemproxy tcpkeepalive')) translation.set({ tcpKeepAliveMs: 0 })
  },
  timeout(translation, value) {
    const requestTimeoutMs = numberOf(value, 'twemproxy timeout')
    if (requestTimeoutMs > 0) translation.set({ requestTimeoutMs })
    else
      translation.warn('timeout', 'mintring always has a timeout: requestTimeoutMs keeps its value')
  },
}

/**
 * Translates one pool of a twemproxy configuration, so that services can connect without the proxy
 * and find their keys. `servers` has the pool's servers with their names: placement depends on
 * them.
 *
 * @throws MintringError MINTRING_BAD_BEHAVIOR for a setting or value that twemproxy does not have,
 * MINTRING_BAD_SERVER for an invalid server line.
 */
export function fromTwemproxy(pool: TwemproxyPool): TranslatedBehaviors {
  if (typeof pool !== 'object' || pool === null) {
    throw badBehavior('A twemproxy pool must be an object, such as { hash: "md5", servers: [] }')
  }
  const translation = new Translation('twemproxy')
  translation.set(compat.twemproxy)
  for (const [name, value] of Object.entries(pool)) {
    if (value === undefined || value === null) continue
    const proxySide = PROXY_SIDE[name]
    const read = READERS[name]
    if (proxySide !== undefined) translation.warn(name, `not used: ${proxySide}`)
    else if (read !== undefined) read(translation, value)
    else if (!translation.takeAlias(name, value)) throw translation.unknown(name, KNOWN)
  }
  return translation.finish()
}

/**
 * Parses `host:port:weight` or `/path:weight`, either with a name after a blank. IPv6 has no
 * brackets: `::1:11211:1`.
 */
function serverOf(line: unknown): ReturnType<typeof parseServer> {
  if (typeof line !== 'string')
    throw badBehavior('A twemproxy server must be a string: host:port:weight name')
  const [address = '', name, ...rest] = line.trim().split(/\s+/)
  if (rest.length > 0)
    throw badBehavior('A twemproxy server must be host:port:weight and at most one name')
  const server = parseServer(addressOf(address))
  return name === undefined ? server : parseServer({ ...server, name })
}

function addressOf(text: string): RingServer {
  const [, path, pathWeight] = /^(\/.*):(\d+)$/.exec(text) ?? []
  if (path !== undefined) return { path, weight: Number(pathWeight) }
  const [, host, port, weight] = /^([^[]*:.*):(\d+):(\d+)$/.exec(text) ?? []
  return host === undefined ? text : { host, port: Number(port), weight: Number(weight) }
}
