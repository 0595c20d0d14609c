import { isMintringError, MintringError, messageOf, systemCodeOf } from '../errors.ts'

/** The meaning of a dial's system error, and what to try. `%` stands for the host. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: '% refuses connections (ECONNREFUSED): is memcached running there?',
  ECONNRESET: '% closed the connection while it was being opened (ECONNRESET)',
  EACCES: '% cannot be opened (EACCES): does this process have permission to use the socket?',
  EADDRNOTAVAIL: '% cannot be dialled (EADDRNOTAVAIL): this machine has no local port left',
  EAI_AGAIN: 'DNS does not answer for % (EAI_AGAIN): does the resolver work?',
  EHOSTUNREACH: '% cannot be reached (EHOSTUNREACH): is there a route to it?',
  EMFILE: '% cannot be dialled (EMFILE): this process has too many open files',
  ENETUNREACH: '% cannot be reached (ENETUNREACH): is there a route to it?',
  ENOENT: 'There is no socket % (ENOENT): does memcached run with -s and this path?',
  ENOTFOUND: 'There is no address for % (ENOTFOUND): is the name right?',
  ETIMEDOUT: '% does not answer (ETIMEDOUT): does a firewall drop the packets?',
}

/** Node's error codes for an untrusted certificate. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** Returns the error of a failed dial: the host, what failed, the system error, what to try. */
export function dialFailure(name: string, isTls: boolean, cause: unknown): MintringError {
  if (isMintringError(cause)) return cause
  const message = (isTls ? tlsMeaning(cause) : undefined) ?? meaning(cause)
  return new MintringError('MINTRING_CONNECTION', message.replace('%', name), { host: name, cause })
}

function meaning(cause: unknown): string {
  const code = systemCodeOf(cause)
  return MEANINGS[code ?? ''] ?? `Cannot connect to %: ${code ?? messageOf(cause)}`
}

function tlsMeaning(cause: unknown): string | undefined {
  const code = systemCodeOf(cause) ?? ''
  if (UNTRUSTED.has(code)) {
    return `The certificate of % is not trusted (${code}): pass tls: { ca }`
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `The certificate of % is for another name (${code}): set tls.servername`
  }
  if (code === 'CERT_HAS_EXPIRED') return `The certificate of % has expired (${code})`
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return `% does not answer in TLS (${code}): is it a plain server? Then use memcached://`
  }
  if (code === 'ECONNRESET' || messageOf(cause) === CLOSED_WHILE_CONNECTING) {
    return '% closed the connection during TLS: is it a plain server? Then use memcached://'
  }
  return undefined
}

/** The error message when a socket closes while it connects. */
export const CLOSED_WHILE_CONNECTING = 'closed while connecting'

/** Whether the bytes start a TLS record, an alert or a handshake. */
export function beginsTls(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 0x03
}
