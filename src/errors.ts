/**
 * Every way mintring can fail, as a closed set: match on `error.code`, never on the message.
 * Each code has an entry in docs/errors.md with what to try.
 */
export type ErrorCode =
  | 'MINTRING_ABORTED' // the caller's AbortSignal fired
  | 'MINTRING_AUTH' // the server refused, or does not speak, the authentication asked for
  | 'MINTRING_BAD_ARGUMENT' // an argument of a verb cannot be what it is
  | 'MINTRING_BAD_BEHAVIOR' // an unknown or ill-typed setting
  | 'MINTRING_BAD_KEY' // empty, too long, or with bytes memcached cannot carry
  | 'MINTRING_BAD_POLICY' // a refill policy that cannot hold
  | 'MINTRING_BAD_SERVER' // an address, port or weight that cannot be
  | 'MINTRING_BAD_TTL' // negative, fractional, NaN
  | 'MINTRING_BAD_VALUE' // a value the serializer cannot take, or cannot read back
  | 'MINTRING_CLOSED' // the client was closed
  | 'MINTRING_CONNECTION' // the connection could not be made, or broke
  | 'MINTRING_DUPLICATE_SERVER' // two servers of one name
  | 'MINTRING_HOST_EJECTED' // the key's host is out and failover is 'error'
  | 'MINTRING_LOADER' // the loader of a refill failed and nothing stale could be served
  | 'MINTRING_LOADER_TIMEOUT' // the loader outlived loaderTimeoutMs
  | 'MINTRING_NO_HOSTS' // every host is ejected
  | 'MINTRING_NO_SERVERS' // an empty server list
  | 'MINTRING_OVERLOADED' // the host's queue is full
  | 'MINTRING_PROTOCOL' // bytes that are no memcached protocol, or no answer to what was asked
  | 'MINTRING_REFUSED' // the server answered ERROR, CLIENT_ERROR or SERVER_ERROR
  | 'MINTRING_TIMEOUT' // the deadline passed
  | 'MINTRING_TOO_LARGE' // the value is over the item size limit
  | 'MINTRING_UNSUPPORTED' // the server's version, or a proxy on the way, cannot do this
  | 'MINTRING_WAIT_TIMEOUT' // another client is loading the key and did not finish in time

/** What an error knows beside its message. Never a value, never a credential. */
export interface ErrorDetails {
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** The command, such as `get`. */
  readonly command?: string | undefined
  /** Whether bytes of the command left the process: if so, a write may have been executed. */
  readonly sent?: boolean | undefined
  /** The error underneath: a socket's, a loader's, a signal's reason. */
  readonly cause?: unknown
}

const BRAND = Symbol.for('mintring.error')

/**
 * The one error class. `code` is stable; `host`, `command` and `sent` tell where and how far it
 * got.
 */
export class MintringError extends Error {
  /** What happened; docs/errors.md has an entry for each code. */
  readonly code: ErrorCode
  /** The host, as `hosts()` names it; undefined when none was concerned. */
  readonly host: string | undefined
  /** The command, such as `get`; undefined when there was none. */
  readonly command: string | undefined
  /** Whether bytes of the command left the process: if so, a write may have been executed. */
  readonly sent: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'MintringError'
    this.code = code
    this.host = details.host
    this.command = details.command
    this.sent = details.sent ?? false
    // Two copies of the package (ESM and CJS) can meet in one process, where `instanceof` lies.
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Whether `error` is a MintringError, of this copy of the package or another. */
export function isMintringError(error: unknown): error is MintringError {
  return typeof error === 'object' && error !== null && BRAND in error
}
