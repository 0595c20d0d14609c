import { isIPv6 } from 'node:net'
import { URLSearchParams } from 'node:url'
import { badServer } from './bad-server.ts'
import { didYouMean } from './suggest.ts'

/** The largest weight a server may have. */
export const MAX_WEIGHT = 65_535

/** The parts of a server's text: the fields of a server object. */
export interface ServerParts {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly weight?: number | undefined
  readonly vnodes?: number | undefined
  readonly name?: string | undefined
  readonly path?: string | undefined
  readonly ip?: string | undefined
  readonly tls?: boolean | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
}

/**
 * Whether a text is an IPv6 address. All have two colons: for other texts, V8 need not compile
 * Node's regular expression, which takes longer than to parse a list of servers.
 */
export function isIPv6Address(text: string): boolean {
  return text.indexOf(':') !== text.lastIndexOf(':') && isIPv6(text)
}

/** Parses `host:port:weight`, a URL or the path of a socket. Throws MINTRING_BAD_SERVER. */
export function partsOfText(text: string): ServerParts {
  if (/^memcacheds?:\/\//i.test(text)) return partsOfUrl(text)
  if (text.startsWith('unix:')) return { path: checkedPath(socketPath(text), text) }
  if (text.startsWith('/') && !text.startsWith('//')) return { path: checkedPath(text, text) }
  const isZoneWithPort = /%.*:/.test(text)
  if (isIPv6Address(text) && !isZoneWithPort) return { host: text }
  if (text.includes('@') || text.includes('//')) {
    throw badServer(text, 'a URL begins with memcached:// or, for TLS, memcacheds://')
  }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([^:]*))?(?::([^:]*))?$/.exec(text)
  if (match === null) throw badServer(text, expected(text))
  const [, host = '', port, weight] = match
  return {
    host: host.startsWith('[') ? bracketed(host, text) : host,
    port: port === undefined ? undefined : portOf(port, text),
    weight: weight === undefined ? undefined : weightOf(weight, text),
  }
}

/** Says what to write instead, also for an IPv6 address with a port but without brackets. */
function expected(text: string): string {
  const [, address = '', port] = /^(.*):(\d{1,5})$/.exec(text) ?? []
  if (isIPv6(address)) return `write [${address}]:${port}`
  return 'expected host, host:port or host:port:weight'
}

/**
 * Parses `scheme://user:password@host:port/?query`. `new URL()` is not used: its error contains the
 * text, password included.
 */
const LOGIN = '(?:([^/?#]*)@)?'
const HOST = String.raw`(\[[^\]/?#@]*\]|[^:/?#@[\]]*)`
const REST = String.raw`(?::([^/?#@]*))?/?(?:\?([^#@]*))?`
const URL_PARTS = new RegExp(`^(memcacheds?)://${LOGIN}${HOST}${REST}$`, 'i')

function partsOfUrl(text: string): ServerParts {
  const match = URL_PARTS.exec(text)
  if (match === null) {
    const why = text.includes('@')
      ? 'write the user name and the password with encodeURIComponent(): one has / ? # or @ in it'
      : 'expected memcached://user:password@host:port?weight=2&name=a'
    throw badServer(text, why)
  }
  const [, scheme = '', login, host = '', port, query] = match
  const { weight, name, ip } = parametersOf(query ?? '', text)
  return {
    host: host.startsWith('[') ? bracketed(host, text) : host,
    port: port === undefined ? undefined : portOf(port, text),
    weight: weight === undefined ? undefined : weightOf(weight, text),
    name,
    ip,
    tls: scheme.toLowerCase() === 'memcacheds' ? true : undefined,
    ...credentialsOf(login, text),
  }
}

type Parameters = Partial<Record<'weight' | 'name' | 'ip', string>>

function parametersOf(query: string, text: string): Parameters {
  const found: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (name !== 'weight' && name !== 'name' && name !== 'ip') {
      // An unknown name may be the end of a password, so the message does not repeat it.
      const hint = didYouMean(name, ['weight', 'name', 'ip'])
      throw badServer(text, `the parameters of a URL are weight, name and ip.${hint}`)
    }
    found[name] = value
  }
  return found
}

function credentialsOf(login: string | undefined, text: string): ServerParts {
  if (login === undefined) return {}
  const colon = login.indexOf(':')
  const [username, password] =
    colon < 0 ? [login, ''] : [login.slice(0, colon), login.slice(colon + 1)]
  return {
    username: username === '' ? undefined : decoded(username, text),
    password: password === '' ? undefined : decoded(password, text),
  }
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw badServer(text, 'the user name or the password has a bare %: write it as %25')
  }
}

function socketPath(text: string): string {
  const path = text.slice('unix:'.length)
  return path.startsWith('//') ? path.slice(2) : path
}

/** Returns the path of a socket. Throws MINTRING_BAD_SERVER. */
export function checkedPath(path: unknown, server: unknown): string {
  // A relative path with an @ is a mistyped URL, whose password would be shown as a host name.
  const isPath = typeof path === 'string' && /^(\/|[^@]*$)/.test(path)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a path must not have any
  if (isPath && path !== '' && !/[\u0000-\u001f\u007f]/.test(path)) return path
  throw badServer(server, "the path of a socket is expected, such as 'unix:/run/memcached.sock'")
}

function bracketed(host: string, text: string): string {
  const inner = host.slice(1, -1)
  if (!isIPv6(inner)) throw badServer(text, 'the text in brackets is not an IPv6 address')
  return inner
}

function portOf(text: string, server: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw badServer(server, 'the port is not a whole number from 1 to 65535')
}

function weightOf(text: string, server: string): number {
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return Number(text)
  throw badServer(server, `the weight is not a number above 0 and at most ${MAX_WEIGHT}`)
}
