import { MintringError } from '../errors.ts'
import type { Request } from '../net/request.ts'
import type { Ttl } from './ttl.ts'

/** What every verb takes as its last argument. */
export interface OperationOptions {
  /** Aborts the operation, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** The most this operation may take, retries included, instead of what the behaviors say. */
  readonly timeoutMs?: number | undefined
}

/** What the verbs that store take. */
export interface StoreOptions extends OperationOptions {
  /** How long the value lives; 0, the default, is until it is evicted. */
  readonly ttl?: Ttl | undefined
}

/**
 * Applies a caller's options to a request that was not sent yet. Throws MINTRING_BAD_ARGUMENT for
 * options that cannot be, MINTRING_ABORTED when the signal has fired already.
 */
export function applyOptions(request: Request, options: OperationOptions): void {
  const { signal, timeoutMs } = options
  if (timeoutMs !== undefined) request.timeoutMs = checkTimeoutMs(timeoutMs)
  if (signal !== undefined) followSignal(request, signal)
}

/** Throws MINTRING_BAD_ARGUMENT or MINTRING_ABORTED for options under which nothing can start. */
export function checkOptions(options: OperationOptions | undefined): void {
  if (options?.timeoutMs !== undefined) checkTimeoutMs(options.timeoutMs)
  if (options?.signal !== undefined) checkSignal(options.signal)
}

function checkTimeoutMs(timeoutMs: number): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < 2 ** 31) return timeoutMs
  throw new MintringError(
    'MINTRING_BAD_ARGUMENT',
    `timeoutMs must be milliseconds above 0, not ${String(timeoutMs)}`,
  )
}

function checkSignal(signal: AbortSignal): void {
  if (!(signal instanceof AbortSignal)) {
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'signal must be an AbortSignal')
  }
  if (signal.aborted) throw aborted(signal, false)
}

/**
 * The requests each signal can abort. One listener per signal: a signal shared by many operations
 * would otherwise collect a listener for each, and Node warns of that.
 */
const followers = new WeakMap<AbortSignal, Set<Request>>()

function followSignal(request: Request, signal: AbortSignal): void {
  checkSignal(signal)
  let group = followers.get(signal)
  if (group === undefined) {
    group = new Set()
    followers.set(signal, group)
    signal.addEventListener('abort', abortFollowers, { once: true })
  }
  const members = group
  members.add(request)
  const leave = (): void => {
    members.delete(request)
  }
  request.promise.then(leave, leave)
}

function abortFollowers(event: Event): void {
  const signal = event.target as AbortSignal
  const group = followers.get(signal) ?? []
  for (const request of [...group]) request.reject(aborted(signal, request.sent))
}

function aborted(signal: AbortSignal, sent: boolean): MintringError {
  return new MintringError('MINTRING_ABORTED', 'the operation was aborted by its signal', {
    cause: signal.reason,
    sent,
  })
}
