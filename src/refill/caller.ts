import { badArgument } from '../arguments.ts'
import type { Clock } from '../clock.ts'
import { checkBounds, within } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { kindOf } from '../secrets.ts'
import type { WaitUntil } from './loader.ts'

/** Options that affect one caller only, never the load it shares with others. */
export interface CallerOptions {
  /** Ends this caller's wait with MINTRING_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Ends this caller's wait with MINTRING_TIMEOUT after this many ms. */
  readonly timeoutMs?: number | undefined
  /** Called with background work, for platforms that freeze a process after it has responded. */
  readonly waitUntil?: WaitUntil | undefined
}

/** What a caller waits for. */
export interface Waiting {
  /** Whose load it is, or what the serializer does; undefined if the caller waits for a host. */
  readonly loader?: 'own' | 'other' | 'encoding' | 'decoding' | undefined
  /** The host of the key; undefined if there is none, or if it is one of several. */
  readonly host?: string | undefined
  /** What the caller waits for, if it is neither a loader nor one host. */
  readonly why?: string | undefined
  /** Whether bytes were sent. */
  readonly sent: boolean
}

/**
 * Returns the promise for one caller: its own signal and timeout end only its own wait. The error
 * of a timeout says what the caller waited for; an unfinished load is its cause.
 */
export function forCaller<Value>(
  promise: Promise<Value>,
  options: CallerOptions,
  clock: Clock,
  waiting: () => Waiting = forTags,
): Promise<Value> {
  const late = (): MintringError => {
    const { loader, host, why, sent } = waiting()
    const message = `No value within ${options.timeoutMs} ms`
    if (loader === undefined) {
      const text = `${message}: ${why ?? silent(host)}`
      return new MintringError('MINTRING_TIMEOUT', text, { host, sent })
    }
    const still = STILL_LOADING[loader]
    const cause = new MintringError(still.code, still.why)
    return new MintringError('MINTRING_TIMEOUT', `${message}: ${still.why}`, { cause, sent })
  }
  return ended(promise, options, clock, late)
}

/** How many keys of a late call are looked up for its error, and how many hosts it names. */
const MAX_LOOKED_UP = 100
const MAX_NAMED = 3

/** Returns what an operation on tags waits for: each tag has a host of its own. */
function forTags(): Waiting {
  return { why: 'it waited for the hosts of the tags', sent: true }
}

/** Whether a caller may leave before its value arrives. */
export function isBounded(options: CallerOptions | undefined): boolean {
  return options?.signal !== undefined || options?.timeoutMs !== undefined
}

/** Adds the host of the keys, or the names of several. */
export function withHosts(
  waiting: Waiting,
  keys: readonly string[],
  hostOf: (key: string) => string | undefined,
): Waiting {
  const found = new Set(keys.slice(0, MAX_LOOKED_UP).map(hostOf))
  const names = [...found].filter((name) => name !== undefined)
  if (names.length < 2) return { ...waiting, host: names[0] }
  return { ...waiting, why: `it waited for ${names.slice(0, MAX_NAMED).join(', ')}` }
}

function silent(host: string | undefined): string {
  return host === undefined ? 'no host is up' : `${host} did not reply in time`
}

/**
 * Does the same for an invalidation: its commands may be on their way when the wait ends.
 */
export function forInvalidator<Value>(
  promise: Promise<Value>,
  options: CallerOptions,
  clock: Clock,
  waiting: () => Waiting = forTags,
): Promise<Value> {
  const late = (): MintringError => {
    const { host, why } = waiting()
    const message =
      `The invalidation was not done after ${options.timeoutMs} ms, and may still be: ` +
      (why ?? silent(host))
    return new MintringError('MINTRING_TIMEOUT', message, { host, sent: true })
  }
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
  encoding: {
    code: 'MINTRING_BAD_VALUE',
    why: 'the loaded value was not encoded (slow serializer?)',
  },
  decoding: {
    code: 'MINTRING_BAD_VALUE',
    why: 'the value that was read was not decoded (slow serializer?)',
  },
} as const

/** Throws for options under which a call cannot start. */
export function checkCaller(options: CallerOptions): void {
  checkBounds(options)
  const { waitUntil } = options
  if (waitUntil === undefined || typeof waitUntil === 'function') return
  const example = '(work) => context.waitUntil(work)'
  throw badArgument(`waitUntil must be a function, such as ${example}, not ${kindOf(waitUntil)}`)
}
