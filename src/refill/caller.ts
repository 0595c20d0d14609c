import { checkBounds, within } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { WaitUntil } from './loading.ts'

/** Options that affect one caller only, never the load it shares with others. */
export interface CallerOptions {
  /** Ends this caller's wait with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Ends this caller's wait with MINTRING_TIMEOUT after this many ms. */
  readonly timeoutMs?: number | undefined
  /** Called with background work, for platforms that freeze a process after it has responded. */
  readonly waitUntil?: WaitUntil | undefined
}

/** Returns the promise for one caller: its own signal and timeout end only its own wait. */
export function forCaller<Value>(
  promise: Promise<Value>,
  options: CallerOptions,
  clock: Clock,
): Promise<Value> {
  const late = (): MintringError =>
    new MintringError('MINTRING_TIMEOUT', `No value within ${options.timeoutMs} ms`)
  return within(promise, options, late, (delayMs, task) => clock.after(delayMs, task))
}

/** Throws for options under which a call cannot start. */
export function checkCaller(options: CallerOptions): void {
  checkBounds(options)
}
