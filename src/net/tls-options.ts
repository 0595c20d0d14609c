import type { ConnectionOptions } from 'node:tls'
import { tagOf } from '../arguments.ts'
import { systemCodeOf } from '../errors.ts'
import { didYouMean } from '../ring/suggest.ts'
import { builtin } from '../runtime.ts'
import { kindOf, nameShown } from '../secrets.ts'

/** What an option takes, in words, and whether a value is that. */
type Kind = readonly [takes: string, is: (value: unknown) => boolean]

const TEXT: Kind = ['a string', (value) => typeof value === 'string']
/** Only the OpenSSL of Node 20 refuses an empty list itself. */
const LIST: Kind = ['a list of names', (value) => typeof value === 'string' && value !== '']
const FLAG: Kind = ['true or false', (value) => typeof value === 'boolean']
const NUMBER: Kind = ['a number', (value) => Number.isFinite(value)]
const CALLBACK: Kind = ['a function', (value) => typeof value === 'function']
const BYTES: Kind = ['a Buffer', ArrayBuffer.isView]
const PEM: Kind = ['the content of a PEM file (not its path)', isPem]
const KEY: Kind = [PEM[0], (value) => isPem(value) || isBinary(value)]
const PFX: Kind = ['the bytes of a PFX file', isBinary]
const PROTOCOLS: Kind = ['an array of strings or a Buffer', isList]

/** The options of tls.connect() that concern TLS, with their type. */
const OPTIONS: ReadonlyMap<string, Kind> = new Map([
  ...each('servername secureProtocol passphrase ciphers sigalgs localAddress', TEXT),
  ...each('minVersion maxVersion sessionIdContext clientCertEngine privateKeyEngine', TEXT),
  ...each('privateKeyIdentifier', TEXT),
  ...each('ecdhCurve', LIST),
  ...each('rejectUnauthorized requestCert requestOCSP enableTrace honorCipherOrder', FLAG),
  ...each('allowPartialTrustChain', FLAG),
  ...each('minDHSize secureOptions sessionTimeout highWaterMark', NUMBER),
  ...each('checkServerIdentity pskCallback SNICallback ALPNCallback', CALLBACK),
  ...each('session ticketKeys', BYTES),
  ...each('ca cert crl', PEM),
  ...each('ALPNProtocols', PROTOCOLS),
  ...each('secureContext', ['what tls.createSecureContext() returns', isContext]),
  ...each('key dhparam', KEY),
  ...each('pfx', PFX),
])

const USUAL = 'ca, cert, key, passphrase, servername, rejectUnauthorized and others of tls.connect'

/** The options of tls.connect() that the client sets, with what users set instead. */
const SET_BY_CLIENT: ReadonlyMap<string, string> = new Map([
  ['host', 'the server list has the address; servername is the name in the certificate'],
  ['port', 'the server list has the port'],
  ['path', 'the server list has the path of a socket'],
  ['timeout', 'the behavior connectTimeoutMs limits the handshake'],
  ['noDelay', 'it is the behavior tcpNoDelay'],
  ['keepAlive', 'it is the behavior tcpKeepAliveMs'],
  ['keepAliveInitialDelay', 'it is the behavior tcpKeepAliveMs'],
  ...['socket', 'lookup', 'onread', 'signal', 'allowHalfOpen'].map(
    (name) => [name, 'the client opens the connection itself'] as const,
  ),
])

/**
 * Returns what is wrong with a setting `tls`; undefined if tls.connect() will accept it. Never
 * quotes a value, which may be a key or a passphrase.
 */
export function tlsComplaint(value: unknown): string | undefined {
  if (typeof value === 'boolean') return undefined
  if (value === null || tagOf(value) !== 'Object') {
    return 'takes true, false or the options of tls.connect'
  }
  const options = tlsOptions(value as ConnectionOptions)
  for (const [name, option] of Object.entries(options)) {
    const instead = SET_BY_CLIENT.get(name)
    if (instead !== undefined) return `takes no ${name}: ${instead}`
    const kind = OPTIONS.get(name)
    if (kind === undefined) {
      const hint = didYouMean(name, [...OPTIONS.keys()]) || ` It has ${USUAL}.`
      return `has no option '${nameShown(name)}'.${hint}`
    }
    const [takes, is] = kind
    if (!is(option)) return `takes ${takes} as ${name}, got ${kindOf(option)}`
  }
  return contextComplaint(options)
}

/** Removes undefined options, which would replace the defaults of tls.connect(). */
export function tlsOptions(options: ConnectionOptions): ConnectionOptions {
  return Object.fromEntries(Object.entries(options).filter(([, option]) => option !== undefined))
}

/** Creates a context as tls.connect() will, which checks keys, certificates and ciphers. */
function contextComplaint(options: ConnectionOptions): string | undefined {
  const { passphrase } = options
  const refusal = refusalOf(options)
  if (refusal === undefined) return undefined
  const alone = ([name, option]: [string, unknown]): boolean =>
    refusalOf({ passphrase, [name]: option }) !== undefined
  const name = Object.entries(options).find(alone)?.[0]
  const where = name === undefined ? 'options' : `a ${name}`
  // The message of Node may quote the value, which may be a key or a passphrase.
  return `has ${where} that tls.connect rejects (${systemCodeOf(refusal) ?? 'unreadable'})`
}

function refusalOf(options: ConnectionOptions): unknown {
  try {
    builtin('node:tls').createSecureContext(options)
    return undefined
  } catch (error) {
    return error ?? 'unknown'
  }
}

function each(names: string, kind: Kind): [string, Kind][] {
  return names.split(' ').map((name) => [name, kind])
}

/** Node silently ignores a CA that is not PEM, such as the path of its file. */
function isPem(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isPem)
  if (typeof value === 'string') return value.includes('-----BEGIN ')
  if (!ArrayBuffer.isView(value)) return false
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes('-----BEGIN ')
}

/** Bytes, or a list for several keys, whose members createSecureContext() checks. */
function isBinary(value: unknown): boolean {
  return ArrayBuffer.isView(value) || (Array.isArray(value) && value.length > 0)
}

function isList(value: unknown): boolean {
  if (ArrayBuffer.isView(value)) return true
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}

function isContext(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'context' in value
}
