import { MintringError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { WaitUntil } from './loading.ts'

/** What concerns one caller alone, and never the load it shares with others. */
export interface CallerOptions {
  /** Ends this caller's wait with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Ends it with MINTRING_TIMEOUT. */
  readonly timeoutMs?: number | undefined
  /** Told of background work, for platforms that freeze a process once it answered. */
  readonly waitUntil?: WaitUntil | undefined
}

/** The promise as one caller sees it: its own signal and timeout end its wait, and nothing else. */
export function forCaller<Value>(
  promise: Promise<Value>,
  { signal, timeoutMs }: CallerOptions,
  clock: Clock,
): Promise<Value> {
  if (signal === undefined && timeoutMs === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(signal!))
    const timer =
      timeoutMs === undefined ? undefined : clock.after(timeoutMs, () => reject(late(timeoutMs)))
    const end = (): void => {
      timer?.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(end)
  })
}

/** Throws for options under which nothing can begin. */
export function checkCaller({ signal, timeoutMs }: CallerOptions): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'signal must be an AbortSignal')
  }
  if (signal?.aborted === true) throw aborted(signal)
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    throw new MintringError('MINTRING_BAD_ARGUMENT', 'timeoutMs must be milliseconds above 0')
  }
}

function aborted(signal: AbortSignal): MintringError {
  return new MintringError('MINTRING_ABORTED', 'The wait was aborted by its signal', {
    cause: signal.reason,
  })
}

function late(timeoutMs: number): MintringError {
  return new MintringError('MINTRING_TIMEOUT', `No value within ${timeoutMs} ms`)
}
