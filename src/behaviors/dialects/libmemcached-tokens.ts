import { badBehavior } from '../check.ts'

/** A piece of a libmemcached configuration string. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

/** The kinds of tokens. The text of an `option` ends in `=` if the option takes an argument. */
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

// As in libmemcached's scanner, the longest match wins, and among equals the first rule.
// So `--NAMESPACE=end` and host names of one letter are refused.
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
 * Splits a configuration string as libmemcached does. It ignores tabs and line ends. Exactly one
 * blank separates two statements.
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
    // libmemcached reads nothing after END.
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

/** Creates the error for a string that libmemcached would refuse: the position and the reason. */
export function refusal(text: string, token: Token | undefined, why: string): Error {
  const where =
    token === undefined ? 'at its end' : `at column ${token.at + 1}${wordAt(text, token)}`
  return badBehavior(`This libmemcached configuration is wrong ${where}: ${why}`)
}

/**
 * Returns the word at the position of a token, for the message of an error. Returns '' if the text
 * may contain a password: the message then has only the column.
 */
function wordAt(text: string, { at }: Token): string {
  const word = /^[\w-]{1,30}/.exec(text.slice(at))?.[0]
  return word === undefined || /@|\/\//.test(text) ? '' : ` ('${word}')`
}
