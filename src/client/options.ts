import { checkOptionNames, OPERATION_OPTIONS, type OptionNames } from '../arguments.ts'
import { checkBounds, checkSignal, checkTimeoutMs, onAbort } from '../deadline.ts'
import type { Request } from '../net/request.ts'
import type { Ttl } from './ttl.ts'

/** What every verb takes as its last argument. */
export interface OperationOptions {
  /** Aborts the operation, which then rejects with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** The most this operation may take, retries included, instead of what the behaviors say. */
  readonly timeoutMs?: number | undefined
}

/** What the verbs that read values take. */
export interface ReadOptions extends OperationOptions {
  /**
   * `buffer`: the value's bytes as they are stored, decompressed where the flags say so, and not
   * decoded. Decoded by the flags by default.
   */
  readonly as?: 'buffer' | undefined
}

/** The options that make a read resolve to bytes. */
export interface BufferOptions extends ReadOptions {
  readonly as: 'buffer'
}

/** What the verbs that store take. */
export interface StoreOptions extends OperationOptions {
  /** How long the value lives; 0, the default, is until it is evicted. */
  readonly ttl?: Ttl | undefined
}

/** The options of the verbs that read values. */
export const READ_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'as'])

/** The options of the verbs that store. */
export const STORE_OPTIONS: OptionNames = new Set([...OPERATION_OPTIONS, 'ttl'])

/**
 * Throws MINTRING_BAD_ARGUMENT or MINTRING_ABORTED for options under which a verb cannot start. It
 * comes before all that a verb does.
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
 * Applies a caller's options to a request that was not sent yet. Throws MINTRING_BAD_ARGUMENT for
 * options that are invalid, MINTRING_ABORTED when the signal has fired already.
 */
export function applyOptions(request: Request, options: OperationOptions): void {
  const { signal, timeoutMs } = options
  if (timeoutMs !== undefined) request.timeoutMs = checkTimeoutMs(timeoutMs)
  if (signal === undefined) return
  checkSignal(signal)
  request.signal = signal
  const leave = onAbort(signal, request)
  request.promise.then(leave, leave)
}
