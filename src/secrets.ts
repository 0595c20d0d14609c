/** How many characters of a caller's text a message quotes. */
const MAX_SHOWN_CHARACTERS = 80

/** How many characters of an unknown option name a message quotes. */
const MAX_NAME_CHARACTERS = 40

/** Settings and TLS options whose values are never shown. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'password',
  'passphrase',
  'key',
  'pfx',
  'cert',
  'ca',
  'tls',
])

/** How deep withoutSecrets() copies settings. No setting of mintring is nested deeper. */
const MAX_DEPTH = 8

/**
 * Makes text of a caller or a server safe for a message or a terminal. Escapes control characters,
 * line separators and bidirectional marks; cuts after `maxCharacters`.
 */
export function escaped(text: string, maxCharacters: number = MAX_SHOWN_CHARACTERS): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text
  return cut.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!
    return code <= 0xff
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** Unsafe characters: C0, DEL, C1, line separators, bidirectional marks, lone surrogates. */
const UNSAFE: RegExp =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression must find them
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu

/**
 * Returns an unknown option name for a message. A name with unusual characters may be an address
 * with credentials, so it becomes `…`.
 */
export function nameShown(name: string): string {
  return /^[\p{L}\p{N}_$. -]*$/u.test(name) ? escaped(name, MAX_NAME_CHARACTERS) : '…'
}

/** Names the type of a value for a message that must not show the value: `an array`, `null`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/**
 * Removes user names, passwords and query strings from the URLs in a text:
 * `memcached://***@host?***`.
 */
export function withoutCredentials(text: string): string {
  return text.includes('//') ? text.replace(/\/\/[^\s'"]*[@?#][^\s'"]*/g, shownUrl) : text
}

const shownUrl = (url: string): string => `//${masked(url.slice(2), true)}`

/**
 * Hides all before the last @, and the query string. One with an @ may be a part of the password,
 * and what follows the @ the other part.
 */
function masked(text: string, mayHaveQuery: boolean): string {
  const at = text.lastIndexOf('@')
  const query = text.search(/[?#]./)
  if (query >= 0 && at > query) return '***'
  const place = query >= 0 && mayHaveQuery ? `${text.slice(0, query)}?***` : text
  return at < 0 ? place : `***${place.slice(at)}`
}

/**
 * Copies settings into plain data that is safe to log. At any depth, passwords and TLS options
 * become `[set]`, functions `[function]` and bytes `[bytes]`; addresses lose their credentials.
 */
export function withoutSecrets(value: unknown, depth: number = MAX_DEPTH): unknown {
  if (typeof value === 'string') return addressWithoutCredentials(value)
  if (typeof value === 'function') return '[function]'
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '[object]'
  if (Array.isArray(value)) return value.map((member) => withoutSecrets(member, depth - 1))
  if (ArrayBuffer.isView(value)) return '[bytes]'
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, shownMember(name, member, depth - 1)]),
  )
}

function shownMember(name: string, member: unknown, depth: number): unknown {
  const isSecret = SECRET_NAMES.has(name.toLowerCase()) && typeof member !== 'boolean'
  if (!isSecret) return withoutSecrets(member, depth)
  return member === undefined ? undefined : '[set]'
}

/**
 * Replaces all before the last @, and query strings: a setting may be a list of addresses, and a
 * malformed address may have its credentials anywhere.
 */
function addressWithoutCredentials(text: string): string {
  return masked(text, text.includes('@') || text.includes('//') || /[?&]\w+=/.test(text))
}
