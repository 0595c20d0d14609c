import { MintringError } from '../errors.ts'
import { escaped, kindOf } from '../secrets.ts'

/**
 * Returns the text of a number, for a message. For other values it returns only their type, because
 * they may be misplaced passwords.
 */
export function number(value: unknown): string {
  return typeof value === 'number' ? String(value) : `(${kindOf(value)})`
}

/** Creates a MINTRING_BAD_SERVER error, whose message contains no credentials. */
export function badServer(server: unknown, why: string): MintringError {
  return new MintringError('MINTRING_BAD_SERVER', `Bad server ${shown(server)}: ${why}`)
}

/**
 * Describes a server in a message by its valid parts. Invalid parts may be a misplaced password, so
 * they are left out.
 */
function shown(server: unknown): string {
  if (typeof server === 'string') return `'${shownText(server)}'`
  if (typeof server !== 'object' || server === null) return `(${kindOf(server)})`
  const { host, port, path } = server as { host?: unknown; port?: unknown; path?: unknown }
  if (typeof path === 'string') return `{ path: '${shownText(path)}' }`
  const place = typeof host === 'string' ? `host: '${shownText(host)}'` : 'no host'
  return `{ ${place}, port: ${number(port ?? 11_211)} }`
}

function shownText(text: string): string {
  const scheme = /^(?:memcacheds?:\/\/|unix:)/i.exec(text)?.[0] ?? ''
  const rest = text.slice(scheme.length)
  const at = rest.lastIndexOf('@')
  // Without a scheme, what follows the @ may be a part of a password.
  if (at >= 0 && scheme === '') return '***@…'
  // The @ may belong to a password in a query string.
  if (/[?#].*@/s.test(rest)) return `${scheme}***`
  const place = rest.slice(at + 1)
  const hidden = at < 0 ? scheme : `${scheme}***@`
  if (/^[\w.-]*(:\d+){0,2}$/.test(place) || (at < 0 && /^\/[\w./-]*$/.test(rest))) {
    return hidden + place
  }
  const host = /^[\w.-]+/.exec(place)?.[0] ?? ''
  return `${hidden}${escaped(host)}…`
}
