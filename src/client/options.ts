import { checkOptionNames, OPERATION_OPTIONS, type OptionNames } from '../arguments.ts'
import { checkBounds, checkSignal, checkTimeoutMs, onAbort } from '../deadline.ts'
import type { Request } from '../net/request.ts'
import type { Ttl } from './ttl.ts'

/** The options that every method takes as its last argument. */
export interface OperationOptions {
  /** Aborts the operation, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** The time limit of this operation in ms, including retries. Default: from the behaviors. */
  readonly timeoutMs?: number | undefined
}

/** The options of methods that read values. */
export interface ReadOptions extends OperationOptions {
  /**
   * `buffer` returns the stored bytes, decompressed but not decoded. Default: the value, decoded
   * according to its flags.
   */
  readonly as?: 'buffer' | undefined
}

/** Options that make a read return bytes. */
export interface BufferOptions extends ReadOptions {
  readonly as: 'buffer'
}

/** The options of methods that store values. */
export interface StoreOptions extends OperationOptions {
  /** The lifetime of the value; default 0: no expiry. */
  readonly ttl?: Ttl | undefined
}

/** The option names of methods that read values. */
export const READ_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'as'])

/** The option names of methods that store values. */
export const STORE_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'ttl'])

/**
 * Throws MINTRING_BAD_ARGUMENT or MINTRING_ABORTED for options under which a call cannot start.
 * Callers run it before anything else.
 */
export function checkOptions(
  verb: string,
  options: OperationOptions | undefined,
  known: OptionNames = OPERATION_OPTIONS,
): void {
  if (options === undefined) return
  checkOptionNames(verb, options, known)
  checkBounds(options)
}

/**
 * Applies a caller's options to a request before it is sent. Throws MINTRING_BAD_ARGUMENT for
 * invalid options, and MINTRING_ABORTED when the signal has already aborted.
 */
export function applyOptions(request: Request, options: OperationOptions): void {
  const { signal, timeoutMs } = options
  if (timeoutMs !== undefined) checkTimeoutMs(timeoutMs)
  if (signal !== undefined) checkSignal(signal)
  request.bounds = { signal, timeoutMs }
  if (signal === undefined) return
  const leave = onAbort(signal, request)
  request.promise.then(leave, leave)
}
