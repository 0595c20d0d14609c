import { badBehavior } from '../check.ts'

/** A piece of a libmemcached configuration string. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

/** `option` ends in `=` when it takes something. */
export type TokenKind =
  | 'space'
  | 'comma'
  | 'number'
  | 'port'
  | 'weight'
  | 'comment'
  | 'option'
  | 'keyword'
  | 'address'
  | 'word'
  | 'quoted'
  | 'unknown'

const OPTIONS_WITH_ARGUMENT =
  'SERVER|SOCKET|CONFIGURE-FILE|CONNECT-TIMEOUT|DISTRIBUTION|HASH|IO-BYTES-WATERMARK|' +
  'IO-KEY-PREFETCH|IO-MSG-WATERMARK|NUMBER-OF-REPLICAS|POLL-TIMEOUT|RCV-TIMEOUT|' +
  'REMOVE-FAILED-SERVERS|RETRY-TIMEOUT|SND-TIMEOUT|SOCKET-RECV-SIZE|SOCKET-SEND-SIZE|' +
  'POOL-MIN|POOL-MAX|NAMESPACE'

const SWITCHES =
  'BINARY-PROTOCOL|BUFFER-REQUESTS|HASH-WITH-NAMESPACE|NOREPLY|RANDOMIZE-REPLICA-READ|' +
  'SORT-HOSTS|SUPPORT-CAS|TCP-KEEPALIVE|TCP-KEEPIDLE|TCP-NODELAY|USE-UDP|USER-DATA|' +
  'VERIFY-KEY|FETCH-VERSION'

const KEYWORDS =
  'INCLUDE|RESET|DEBUG|SERVERS|END|CSL_ERROR|TRUE|FALSE|CONSISTENT|MODULA|RANDOM|MD5|CRC|' +
  'FNV1_64|FNV1A_64|FNV1_32|FNV1A_32|HSIEH|MURMUR|JENKINS'

// The longest match wins, and among equals the first: the rule of the scanner that
// libmemcached generates. That is why `--NAMESPACE=end` and one-letter host names are refused.
const RULES: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', / /y],
  ['comma', /,/y],
  ['number', /[0-9]+/y],
  ['port', /:[0-9]{1,5}/y],
  ['weight', /\/\?[0-9]{1,5}/y],
  ['comment', /^#[^\n]*(?=\n)/my],
  ['option', new RegExp(`--(?:${OPTIONS_WITH_ARGUMENT})=`, 'iy')],
  ['option', new RegExp(`--(?:${SWITCHES})`, 'iy')],
  ['unknown', /--[a-z0-9]*/iy],
  ['keyword', new RegExp(`(?:${KEYWORDS})`, 'iy')],
  ['address', /(?:[0-9]{1,3}\.){3}[0-9]{1,3}/y],
  ['word', /[a-z0-9][.a-z0-9_-]+[a-z0-9]/iy],
  ['quoted', /L?"(?:\\[^\n]|[^\\"])*"/iy],
]

/**
 * Cuts a configuration string as libmemcached does: tabs and line ends are nothing, a blank is the
 * separator of statements, and there is exactly one.
 */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (/[\t\r\n]/.test(text[at]!)) {
      at++
      continue
    }
    const token = longestAt(text, at)
    tokens.push(token)
    // Nothing after END is read.
    if (token.kind === 'keyword' && token.text.toUpperCase() === 'END') break
    at += token.text.length
  }
  return tokens
}

function longestAt(text: string, at: number): Token {
  let best: Token = { kind: 'unknown', text: text[at]!, at }
  let length = 0
  for (const [kind, rule] of RULES) {
    rule.lastIndex = at
    const match = rule.exec(text)
    if (match === null || match[0].length <= length) continue
    best = { kind, text: match[0], at }
    length = match[0].length
  }
  return best
}

/** The error for a string libmemcached would refuse, with where and why. */
export function refusal(text: string, token: Token | undefined, why: string): Error {
  const where =
    token === undefined ? 'at its end' : `at column ${token.at + 1}${wordAt(text, token)}`
  return badBehavior(`This libmemcached configuration is wrong ${where}: ${why}`)
}

/** The word there, unless the text may hold a password: then the column has to do. */
function wordAt(text: string, { at }: Token): string {
  const word = /^[\w-]{1,30}/.exec(text.slice(at))?.[0]
  return word === undefined || /@|\/\//.test(text) ? '' : ` ('${word}')`
}
