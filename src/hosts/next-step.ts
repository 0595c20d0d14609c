import { type ErrorCode, MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'

/** Error codes after which a retry is useless. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_ABORTED',
  'MINTRING_AUTH',
  'MINTRING_BAD_VALUE',
  'MINTRING_OVERLOADED',
])

/** What follows a failed attempt: a retry on this host, one on another host, or the error. */
export type NextStep = 'here' | 'elsewhere' | 'reject'

/** What the decision depends on, besides the request and its error. */
export interface Circumstances {
  readonly retries: number
  readonly retryWrites: boolean
  readonly nowMs: number
  /** When the attempt would have timed out. */
  readonly deadlineMs: number
  /** Whether the host accepts requests now. */
  readonly isUsable: boolean
  /** Whether the host is on the server list. */
  readonly isListed: boolean
  /** Whether the client was closed. */
  readonly isClosed: boolean
  /** Whether a retry could run before the failed attempt, which would then undo later changes. */
  readonly mayOvertake: boolean
}

/**
 * Decides what follows a failed attempt. All commands use it: single ones, groups, refills, and
 * missed changes that are sent again.
 */
export function nextStep(request: Request, error: MintringError, at: Circumstances): NextStep {
  const { nowMs } = at
  if (at.isClosed || request.isOnce || !mayRepeat(request, error, at.retryWrites)) return 'reject'
  if (request.isSuspect || at.mayOvertake) return 'reject'
  if (request.finalMs > 0 && nowMs >= request.finalMs) return 'reject'
  const isFree = request.isFree && (request.routeKey ?? request.group) !== undefined
  // The host left the list, so the key has another host now.
  if (!at.isListed) return isFree ? 'elsewhere' : 'reject'
  // A broken connection took no time, so its retry does not count as one of `retries`.
  if (isLaneDeath(error) && nowMs < at.deadlineMs) {
    if (at.isUsable) return 'here'
    return isFree && at.retries > 0 ? 'elsewhere' : 'reject'
  }
  return isFree && (request.past?.tries ?? 0) <= at.retries ? 'elsewhere' : 'reject'
}

/** Whether a connection broke, so that a new connection to the same host may work. */
function isLaneDeath({ code }: MintringError): boolean {
  return code === 'MINTRING_CONNECTION' || code === 'MINTRING_PROTOCOL'
}

/** Whether a retry can help, and is harmless if the server already executed the command. */
export function mayRepeat(
  { sent, verb }: Request,
  { code }: MintringError,
  retryWrites: boolean,
): boolean {
  if (FINAL.has(code)) return false
  return !sent || verb.effect === 'read' || (verb.repeatable && retryWrites)
}

/** Returns the error for the caller: the attempt's error with the details of the request. */
export function errorOf(
  { verb, sent }: Pick<Request, 'verb' | 'sent'>,
  error: MintringError,
): MintringError {
  const { code, message, host, cause = error } = error
  const details = { host, command: verb.name, sent, cause }
  return new MintringError(code, message, details)
}

/** Returns the error of a request for a host whose queue is full. */
export function overloaded({ verb, sent }: Request, host: string, max: number): MintringError {
  const message = `The queue of ${host} is full (maxQueuedPerHost is ${max})`
  return new MintringError('MINTRING_OVERLOADED', message, { host, command: verb.name, sent })
}

/** Returns the error of a request for an ejected host, with the reason for the ejection. */
export function ejected(host: string, cause: MintringError | undefined): MintringError {
  const why = cause === undefined ? '' : `: ${cause.message}`
  const message = `${host} is ejected and probed in the background${why}`
  return new MintringError('MINTRING_HOST_EJECTED', message, { host, cause })
}

/** Returns the error that closes the connections of an ejected host. */
export function ejection(host: string, cause: MintringError | undefined): MintringError {
  return new MintringError('MINTRING_CONNECTION', `${host} was ejected`, { host, cause })
}

/** Returns the error of a host that left the list: its requests are resent to other hosts. */
export function departed(host: string): MintringError {
  return new MintringError('MINTRING_CONNECTION', `${host} left the list of servers`, { host })
}

/** Returns the error that closes a connection when a handover is found; its requests are resent. */
export function overtaken(host: string): MintringError {
  return new MintringError('MINTRING_CONNECTION', `A change of servers is in progress at ${host}`, {
    host,
  })
}

/** Returns the error of a change whose key has moved to servers that this process does not use. */
export function movedOn(host: string, servers: readonly string[]): MintringError {
  const text =
    `${host} had this key before the other clients moved to the servers ${servers.join(', ')}: ` +
    'give this client that list; to move back, also set the behavior previous to that list'
  return new MintringError('MINTRING_HOST_EJECTED', text, { host })
}

/** Returns the error of a change whose key is on a host that this process may not dial. */
export function unknownHome(host: string): MintringError {
  const text =
    `${host} had this key before a change of servers that is still in progress, and this client ` +
    'does not know that server: set the behavior previous to the old servers'
  return new MintringError('MINTRING_HOST_EJECTED', text, { host })
}
