import { checkBounds, within } from '../deadline.ts'
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
  options: CallerOptions,
  clock: Clock,
): Promise<Value> {
  const late = (): MintringError =>
    new MintringError('MINTRING_TIMEOUT', `No value within ${options.timeoutMs} ms`)
  return within(promise, options, late, (delayMs, task) => clock.after(delayMs, task))
}

/** Throws for options under which nothing can begin. */
export function checkCaller(options: CallerOptions): void {
  checkBounds(options)
}
