import { withoutCredentials } from './secrets.ts'

/**
 * Every way mintring can fail, as a closed set: match on `error.code`, never on the message.
 * Each code has an entry in docs/errors.md with what to try.
 */
export type ErrorCode =
  | 'MINTRING_ABORTED' // the caller's AbortSignal fired
  | 'MINTRING_AUTH' // the server refused, or does not speak, the authentication asked for
  | 'MINTRING_BAD_ARGUMENT' // an argument is invalid
  | 'MINTRING_BAD_BEHAVIOR' // an unknown or ill-typed setting
  | 'MINTRING_BAD_KEY' // empty, too long, or with bytes memcached cannot carry
  | 'MINTRING_BAD_POLICY' // a refill policy that cannot hold
  | 'MINTRING_BAD_SERVER' // an address, port or weight that is invalid
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

/** What `JSON.stringify` writes of an error. */
export interface ErrorJson {
  /** `MintringError`; of a cause, its own name. */
  readonly name: string
  /** What happened. A cause keeps its own code. */
  readonly code?: string | undefined
  /** What happened, in words. */
  readonly message: string
  /** The host, as `hosts()` names it. */
  readonly host?: string | undefined
  /** The command, such as `get`. */
  readonly command?: string | undefined
  /** Whether bytes of the command left the process. */
  readonly sent?: boolean | undefined
  /** Where the code is explained. */
  readonly docs?: string | undefined
  /** The error underneath. */
  readonly cause?: ErrorJson | undefined
}

const BRAND = Symbol.for('mintring.error')

/** Causes are written this deep: a chain may be a circle. */
const MAX_CAUSES = 8

/**
 * Failures of hosts and of time are made in the callbacks of sockets and timers, so their stacks
 * name no line of the caller's. A host that dies fails thousands of requests at once, and a stack
 * is most of what an error costs.
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

  /** What `JSON.stringify` writes: all of it, causes included. Never a value or a credential. */
  toJSON(): ErrorJson {
    const { name, code, message, host, command, sent, docs } = this
    return { name, code, message, host, command, sent, docs, cause: causeJson(this.cause) }
  }
}

// Defined rather than assigned: Error.prototype may be frozen.
Object.defineProperty(MintringError.prototype, 'name', {
  value: 'MintringError',
  writable: true,
  configurable: true,
})
// Two copies of the package, or two realms, can meet in one process, where `instanceof` lies.
Object.defineProperty(MintringError.prototype, BRAND, { value: true })

/** Whether `error` is a MintringError, of this copy of the package or another. */
export function isMintringError(error: unknown): error is MintringError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/**
 * What a thrown value says, for a message: its own words, or what kind of thing it is. Errors of
 * another realm, which Node's own are in a test runner, are no instances of this realm's Error.
 */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return error
  const { message, name } = (error ?? {}) as { message?: unknown; name?: unknown }
  if (typeof message === 'string' && message !== '') return message
  return typeof name === 'string' && name !== '' ? name : `a ${typeof error} was thrown`
}

/** How many hosts a message tells the reasons of. */
const MAX_REASONS = 5

/** The messages of the first errors, in one text, and how many of `total` it leaves out. */
export function reasonsOf(errors: readonly MintringError[], total: number): string {
  const told = errors.slice(0, MAX_REASONS).map(({ message }) => message)
  const others = told.length === 0 ? 0 : total - told.length
  return [...told, ...(others > 0 ? [`and ${others} more`] : [])].join('; ')
}

/** The `code` of a system error, such as ECONNREFUSED. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Answers whether it could: the limit of a frozen Error stays as it is. */
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
