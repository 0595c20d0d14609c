import { type ErrorCode, MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'

/** Errors that another attempt cannot help. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_ABORTED',
  'MINTRING_AUTH',
  'MINTRING_BAD_VALUE',
  'MINTRING_OVERLOADED',
])

/** What follows a failed attempt: another one on this host, one elsewhere, or the error. */
export type NextStep = 'here' | 'elsewhere' | 'reject'

/** What the decision takes, beside the request and its error. */
export interface Circumstances {
  readonly retries: number
  readonly retryWrites: boolean
  readonly nowMs: number
  /** When the attempt would have ended by itself. */
  readonly deadlineMs: number
  /** The host takes requests now. */
  readonly isUsable: boolean
  /** The host is in the list of servers. */
  readonly isListed: boolean
  /** The client was closed. */
  readonly isClosed: boolean
}

/**
 * Decides what follows a failed attempt. The only place that does, for every command: single ones,
 * groups, refills, redelivery.
 */
export function nextStep(request: Request, error: MintringError, at: Circumstances): NextStep {
  const { nowMs } = at
  if (at.isClosed || request.isOnce || !mayRepeat(request, error, at.retryWrites)) return 'reject'
  if (request.isSuspect) return 'reject'
  if (request.finalMs > 0 && nowMs >= request.finalMs) return 'reject'
  const isFree = request.isFree && (request.routeKey ?? request.group) !== undefined
  // The key lives elsewhere now.
  if (!at.isListed) return isFree ? 'elsewhere' : 'reject'
  // That took no time: it is not one of the retries either.
  if (isLaneDeath(error) && nowMs < at.deadlineMs) {
    if (at.isUsable) return 'here'
    return isFree && at.retries > 0 ? 'elsewhere' : 'reject'
  }
  return isFree && (request.past?.tries ?? 0) <= at.retries ? 'elsewhere' : 'reject'
}

/** Whether a lane broke, so that the same host may do better on a new one. */
function isLaneDeath({ code }: MintringError): boolean {
  return code === 'MINTRING_CONNECTION' || code === 'MINTRING_PROTOCOL'
}

/** Whether trying again can help, and does no harm when the server did execute the command. */
export function mayRepeat(
  { sent, verb }: Request,
  { code }: MintringError,
  retryWrites: boolean,
): boolean {
  if (FINAL.has(code)) return false
  return !sent || verb.effect === 'read' || (verb.repeatable && retryWrites)
}

/** What a caller is told: the attempt's error with what is known of the request. */
export function errorOf(
  { verb, sent }: Pick<Request, 'verb' | 'sent'>,
  error: MintringError,
): MintringError {
  const { code, message, host, cause = error } = error
  const details = { host, command: verb.name, sent, cause }
  return new MintringError(code, message, details)
}

/** The error of a request that a host has no room for. */
export function overloaded({ verb, sent }: Request, host: string, max: number): MintringError {
  const message = `The queue of ${host} is full (maxQueuedPerHost is ${max})`
  return new MintringError('MINTRING_OVERLOADED', message, { host, command: verb.name, sent })
}

/** The error of a request for a host that is out, for the reason it went. */
export function ejected(host: string, cause: MintringError | undefined): MintringError {
  const why = cause === undefined ? '' : `: ${cause.message}`
  const message = `${host} is ejected and probed in the background${why}`
  return new MintringError('MINTRING_HOST_EJECTED', message, { host, cause })
}

/** What ends the connections of a host that is ejected. */
export function ejection(host: string, cause: MintringError | undefined): MintringError {
  return new MintringError('MINTRING_CONNECTION', `${host} was ejected`, { host, cause })
}

/** What ends a connection whose requests do not know of a handover: they are sent again by it. */
export function overtaken(host: string): MintringError {
  return new MintringError('MINTRING_CONNECTION', `A change of servers is under way at ${host}`, {
    host,
  })
}

/** The error of a change that would have to reach a host which this process may not ask. */
export function unknownHome(host: string): MintringError {
  const text =
    `${host} had this key before a change of servers that is under way, and this client was not ` +
    'given it: say in previous what the servers were'
  return new MintringError('MINTRING_HOST_EJECTED', text, { host })
}
