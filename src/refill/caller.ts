import { badArgument } from '../arguments.ts'
import { checkBounds, within } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
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

/**
 * Returns the promise for one caller: its own signal and timeout end only its own wait. `loaderOf`
 * says whose load the caller waits for; the error then has it as its cause.
 */
export function forCaller<Value>(
  promise: Promise<Value>,
  options: CallerOptions,
  clock: Clock,
  loaderOf: () => 'own' | 'other' | undefined = () => undefined,
): Promise<Value> {
  const late = (): MintringError => {
    const message = `No value within ${options.timeoutMs} ms`
    const loader = loaderOf()
    if (loader === undefined) return new MintringError('MINTRING_TIMEOUT', message)
    const { code, why } = STILL_LOADING[loader]
    const cause = new MintringError(code, why)
    return new MintringError('MINTRING_TIMEOUT', `${message}: ${why}`, { cause })
  }
  return ended(promise, options, clock, late)
}

/**
 * Does the same for an invalidation: its commands may be on their way when the wait ends.
 */
export function forInvalidator<Value>(
  promise: Promise<Value>,
  options: CallerOptions,
  clock: Clock,
): Promise<Value> {
  const message = `The invalidation was not done after ${options.timeoutMs} ms, and may still be`
  const late = (): MintringError => new MintringError('MINTRING_TIMEOUT', message, { sent: true })
  return ended(promise, { ...options, sent: true }, clock, late)
}

function ended<Value>(
  promise: Promise<Value>,
  bounds: CallerOptions & { readonly sent?: boolean },
  clock: Clock,
  late: () => MintringError,
): Promise<Value> {
  return within(promise, bounds, late, (delayMs, task) => clock.after(delayMs, task))
}

const STILL_LOADING = {
  own: { code: 'MINTRING_LOADER_TIMEOUT', why: 'the loader is still running' },
  other: { code: 'MINTRING_WAIT_TIMEOUT', why: 'another client is still loading it' },
} as const

/** Throws for options under which a call cannot start. */
export function checkCaller(options: CallerOptions): void {
  checkBounds(options)
  const { waitUntil } = options
  if (waitUntil === undefined || typeof waitUntil === 'function') return
  const example = '(work) => context.waitUntil(work)'
  throw badArgument(`waitUntil must be a function, such as ${example}, not ${kindOf(waitUntil)}`)
}
