import { withoutCredentials } from './secrets.ts'

/**
 * The codes of all errors. Match on `error.code`, never on the message. docs/errors.md says for
 * each code what to try.
 */
export type ErrorCode =
  | 'MINTRING_ABORTED' // the caller's AbortSignal fired
  | 'MINTRING_AUTH' // the server refused the credentials, or does not support authentication
  | 'MINTRING_BAD_ARGUMENT' // an argument is invalid
  | 'MINTRING_BAD_BEHAVIOR' // a setting is unknown or has the wrong type
  | 'MINTRING_BAD_KEY' // the key is empty, too long, or has bytes that memcached does not allow
  | 'MINTRING_BAD_POLICY' // the policy of a refill contradicts itself
  | 'MINTRING_BAD_SERVER' // an address, port or weight that is invalid
  | 'MINTRING_BAD_TTL' // a ttl is negative, fractional or NaN
  | 'MINTRING_BAD_VALUE' // the serializer cannot encode the value, or cannot decode what was stored
  | 'MINTRING_CLOSED' // the client was closed
  | 'MINTRING_CONNECTION' // the connection could not be opened, or broke
  | 'MINTRING_DUPLICATE_SERVER' // two servers have the same name
  | 'MINTRING_HOST_EJECTED' // the host of the key is ejected and failover is 'error'
  | 'MINTRING_LOADER' // the loader failed and there was no stale value to serve
  | 'MINTRING_LOADER_TIMEOUT' // the loader took longer than loaderTimeoutMs
  | 'MINTRING_NO_HOSTS' // every host is ejected
  | 'MINTRING_NO_SERVERS' // the server list is empty
  | 'MINTRING_OVERLOADED' // the host's queue is full
  | 'MINTRING_PROTOCOL' // the server sent bytes that are not a valid reply to the command
  | 'MINTRING_REFUSED' // the server replied ERROR, CLIENT_ERROR or SERVER_ERROR
  | 'MINTRING_TIMEOUT' // the timeout of the operation passed
  | 'MINTRING_TOO_LARGE' // the value is over the item size limit
  | 'MINTRING_UNSUPPORTED' // the server's version, or a proxy in between, does not support this
  | 'MINTRING_WAIT_TIMEOUT' // another client loads the key and did not finish in time

/** The details of an error. They never contain a value or a credential. */
export interface ErrorDetails {
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** The command, such as `get`. */
  readonly command?: string | undefined
  /** Whether bytes of the command left the process: if so, a write may have been executed. */
  readonly sent?: boolean | undefined
  /** The underlying error: of a socket or a loader, or the reason of a signal. */
  readonly cause?: unknown
}

/** A MintringError, or one of its causes, as `JSON.stringify` writes it. */
export interface ErrorJson {
  /** `MintringError`; for a cause, the name of that error. */
  readonly name: string
  /** The error code. A cause keeps its own code. */
  readonly code?: string | undefined
  /** The message of the error. */
  readonly message: string
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** The command, such as `get`. */
  readonly command?: string | undefined
  /** Whether bytes of the command left the process. */
  readonly sent?: boolean | undefined
  /** Where the documentation explains the code. */
  readonly docs?: string | undefined
  /** The underlying error. */
  readonly cause?: ErrorJson | undefined
}

const BRAND = Symbol.for('mintring.error')

/** How many nested causes are written: a chain of causes may be circular. */
const MAX_CAUSES = 8

/**
 * Errors created without a stack. They are created in callbacks of sockets and timers, so their
 * stack names no line of the caller. A host that dies fails thousands of requests at once, and the
 * stack is the most expensive part of an error.
 */
const WITHOUT_STACK: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_ABORTED',
  'MINTRING_CLOSED',
  'MINTRING_CONNECTION',
  'MINTRING_HOST_EJECTED',
  'MINTRING_NO_HOSTS',
  'MINTRING_OVERLOADED',
  'MINTRING_TIMEOUT',
])

/**
 * The class of all errors of mintring. `code` is stable; `host`, `command` and `sent` say where the
 * operation failed and how far it got.
 */
export class MintringError extends Error {
  /** The error code; docs/errors.md has an entry for each. */
  readonly code: ErrorCode
  /** The host, as `hosts()` names it; undefined if no host was involved. */
  readonly host: string | undefined
  /** The command, such as `get`; undefined if there was none. */
  readonly command: string | undefined
  /** Whether bytes of the command left the process: if so, a write may have been executed. */
  readonly sent: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const text = withoutCredentials(message)
    const cause = details.cause === undefined ? undefined : { cause: details.cause }
    const frames = Error.stackTraceLimit
    const isStackless = WITHOUT_STACK.has(code) && setStackTraceLimit(0)
    super(text, cause)
    if (isStackless) setStackTraceLimit(frames)
    this.code = code
    this.host = details.host
    this.command = details.command
    this.sent = details.sent ?? false
  }

  /** Where this code is explained: a path in the project's repository. */
  get docs(): string {
    return `docs/errors.md#${this.code.toLowerCase()}`
  }

  /**
   * Returns the fields and all causes, for `JSON.stringify`. Never contains a value or a
   * credential.
   */
  toJSON(): ErrorJson {
    const { name, code, message, host, command, sent, docs } = this
    return { name, code, message, host, command, sent, docs, cause: causeJson(this.cause) }
  }
}

// defineProperty() instead of an assignment: Error.prototype may be frozen.
Object.defineProperty(MintringError.prototype, 'name', {
  value: 'MintringError',
  writable: true,
  configurable: true,
})
// `instanceof` fails between two copies of the package, so isMintringError() checks this brand.
Object.defineProperty(MintringError.prototype, BRAND, { value: true })

/** Returns whether `error` is a MintringError, even one of another copy of the package. */
export function isMintringError(error: unknown): error is MintringError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/**
 * Returns the error of a call whose options could not be read, such as those of a revoked Proxy or
 * with a getter that throws. Errors of mintring stay as they are.
 */
export function unreadableOptions(error: unknown): unknown {
  if (isMintringError(error)) return error
  const why = 'The options cannot be read: a getter or a Proxy threw'
  return new MintringError('MINTRING_BAD_ARGUMENT', why, { cause: error })
}

/**
 * Returns the message of a thrown value, or its name or type if it has none. Does not use
 * `instanceof`: errors of another realm, as in a test runner, are not instances of this Error.
 */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return error
  const { message, name } = (error ?? {}) as { message?: unknown; name?: unknown }
  if (typeof message === 'string' && message !== '') return message
  return typeof name === 'string' && name !== '' ? name : `a ${typeof error} was thrown`
}

/** How many errors a message quotes. */
const MAX_REASONS = 5

/** Joins the messages of the first errors, and says how many of `total` are left out. */
export function reasonsOf(errors: readonly MintringError[], total: number): string {
  const told = errors.slice(0, MAX_REASONS).map(({ message }) => message)
  const others = told.length === 0 ? 0 : total - told.length
  return [...told, ...(others > 0 ? [`and ${others} more`] : [])].join('; ')
}

/** Returns the `code` of a system error, such as ECONNREFUSED, or undefined. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Sets Error.stackTraceLimit. Returns false if Error is frozen, so that the limit stays. */
function setStackTraceLimit(frames: number): boolean {
  try {
    Error.stackTraceLimit = frames
    return true
  } catch {
    return false
  }
}

function causeJson(cause: unknown, depth = MAX_CAUSES): ErrorJson | undefined {
  if (cause === undefined || cause === null || depth === 0) return undefined
  const { name, host, command, sent, cause: deeper } = cause as Partial<MintringError>
  return {
    name: typeof name === 'string' ? name : typeof cause,
    code: systemCodeOf(cause),
    message: withoutCredentials(messageOf(cause)),
    ...(isMintringError(cause) ? { host, command, sent } : {}),
    cause: causeJson(deeper, depth - 1),
  }
}
