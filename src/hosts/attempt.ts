import { type ErrorCode, MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'

/** Errors that another attempt cannot help. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MINTRING_ABORTED',
  'MINTRING_AUTH',
  'MINTRING_CLOSED',
  'MINTRING_OVERLOADED',
])

/** Whether nothing can be won by trying again. */
export function isFinal(error: MintringError): boolean {
  return FINAL.has(error.code)
}

/** Whether a lane broke, so that the same host may do better on a new one. */
export function isLaneDeath(error: MintringError): boolean {
  return error.code === 'MINTRING_CONNECTION' || error.code === 'MINTRING_PROTOCOL'
}

/** Whether a request may be sent again when nobody knows if a server executed it. */
export function mayRepeat(request: Request, retryWrites: boolean): boolean {
  if (!request.sent || request.verb.safety === 'read') return true
  return request.verb.safety === 'idempotent' && retryWrites
}

/** What a caller is told: the attempt's error with what is known of the request. */
export function errorOf(request: Request, error: MintringError): MintringError {
  const { code, message, host, cause = error } = error
  return new MintringError(code, message, {
    host,
    command: request.verb.name,
    sent: request.sent,
    cause,
  })
}
