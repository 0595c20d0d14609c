import { AsyncResource } from 'node:async_hooks'
import { isMintringError, MintringError } from '../errors.ts'
import type { LoadTags } from '../tags/load.ts'
import type { TagSet } from '../tags/look.ts'
import type { TagsOf } from '../tags/names.ts'
import { checkTags } from '../tags/names.ts'
import type { RefillContext } from './context.ts'
import type { EntryState, Lease, RefillEntry } from './finding.ts'
import type { Policy, Seconds } from './policy.ts'
import { checkTtl } from './policy.ts'
import { Portions } from './share.ts'
import type { Marked } from './tagged.ts'

/** Information and controls for a loader. */
export interface LoaderContext<Value = unknown> {
  /** Aborts when the loader exceeds loaderTimeoutMs, or the client closes. */
  readonly signal: AbortSignal
  /** The value that is being replaced, if there is one. */
  readonly stale: Value | undefined
  /** Sets a TTL for this value. */
  setTtl(ttl: Seconds): void
  /**
   * Returns the value to its callers without storing it. Before a throw: the failure does not count
   * as one of the origin, so the next caller may load at once.
   */
  skip(): void
  /**
   * Adds tags to those of the policy. Await it before you read the data that the tags stand for:
   * only then is the value known to be newer than their last invalidation.
   */
  tag(...names: readonly string[]): PromiseLike<void>
}

/**
 * Loads the value of a key. `undefined` is not cached, `null` only with `negativeTtl`. When it
 * throws, callers without a stale value get MINTRING_LOADER.
 */
export type Loader<Value = unknown> = (
  key: string,
  context: LoaderContext<Value>,
) => Value | Promise<Value>

/** Keeps a serverless platform awake until background work is done. */
export type WaitUntil = (work: Promise<void>) => void

/** Measures the durations of loads under one policy: mean and mean deviation. */
export class Pace {
  #meanMs: number | undefined
  #strayMs = 0

  /** Adds a duration, with the weights of TCP round-trip estimation (Jacobson and Karels, 1988). */
  took(ms: number): void {
    if (this.#meanMs === undefined) {
      this.#meanMs = ms
      this.#strayMs = ms / 2
      return
    }
    this.#strayMs += (Math.abs(ms - this.#meanMs) - this.#strayMs) / 4
    this.#meanMs += (ms - this.#meanMs) / 8
  }

  /** A duration that nearly all loads stay below. */
  get enoughMs(): number {
    return (this.#meanMs ?? 0) + 4 * this.#strayMs
  }
}

/** The shared state of one key. */
export interface Terms {
  readonly key: string
  readonly policy: Policy
  readonly pace: Pace
  /** The error of this process's last load. */
  lastError: unknown
  /** The lease of a load that failed or exceeded the waiting time. */
  failed: Lease | undefined
  /** How many values are being decoded that were read for callers of the key. */
  decoding: number
  /** The tags of the key's policy; undefined until they are checked. */
  tagSet: TagSet | undefined
  marked: Marked | undefined
}

/** Returns how many seconds before the end of its ttl this process refills the value. */
export function earlySecondsOf({ policy, pace }: Terms): number {
  if (!policy.isEarlyMeasured) return policy.earlyRefreshSeconds
  // Plus one second, because memcached's clock ticks once a second.
  return Math.min(Math.ceil(pace.enoughMs / 1000) + 1, policy.earlyRefreshSeconds)
}

/** A call that may start a load. `scope` is the caller's async context. */
export interface Ask<Slot extends Terms = Terms> {
  readonly slot: Slot
  readonly loader: Loader
  readonly scope: AsyncResource
  readonly waitUntil: WaitUntil | undefined
  readonly tagsOf: TagsOf | undefined
  /** Whether the call is one for many keys: a value that cannot be encoded must not fail it. */
  readonly isOfMany?: boolean
}

/** Creates an Ask whose loader runs in the async context of this caller. */
export function askHere<Slot extends Terms>(
  slot: Slot,
  loader: Loader,
  waitUntil: WaitUntil | undefined,
  tagsOf: TagsOf | undefined,
): Ask<Slot> {
  const scope = new AsyncResource('MintringLoad', { requireManualDestroy: true })
  return { slot, loader, scope, waitUntil, tagsOf }
}

/** The result of a loader. */
export interface Loaded {
  readonly value: unknown
  /** The ttl that the loader set with setTtl(). */
  readonly ttlSeconds: number | undefined
  readonly isSkipped: boolean
}

/** The error of a loader, and whether it called skip() before. */
export class LoadFailure {
  readonly error: unknown
  readonly isSkipped: boolean

  constructor(error: unknown, isSkipped: boolean) {
    this.error = error
    this.isSkipped = isSkipped
  }
}

/**
 * Runs the loader in its caller's async context. Rejects with a LoadFailure: MINTRING_LOADER (its
 * cause is what was thrown), MINTRING_LOADER_TIMEOUT, or the reason of `abort`. Ignores what the
 * loader does afterwards. Without `tags` the value is not stored: ignores tags that it declares.
 */
export function load(
  ask: Ask,
  stale: unknown,
  { clock }: RefillContext,
  abort: AbortController,
  tags?: LoadTags,
): Promise<Loaded> {
  const { signal } = abort
  if (signal.aborted) return Promise.reject(new LoadFailure(signal.reason, false))
  const { slot, loader, scope } = ask
  const { key, policy } = slot
  let ttlSeconds: number | undefined
  let isSkipped = false
  const context: LoaderContext = {
    signal,
    stale,
    setTtl: (ttl) => {
      ttlSeconds = checkTtl(ttl)
    },
    skip: () => {
      isSkipped = true
    },
    tag: (...names) => {
      checkTags(names)
      return tags?.declare(names) ?? Promise.resolve()
    },
  }
  return new Promise((resolve, reject) => {
    const timeout = clock.after(policy.loaderTimeoutMs, () => abort.abort(timedOut(policy)))
    const end = (): void => {
      timeout.cancel()
      signal.removeEventListener('abort', onAbort)
    }
    const onAbort = (): void => {
      end()
      reject(new LoadFailure(signal.reason, false))
    }
    signal.addEventListener('abort', onAbort)
    scope
      .runInAsyncScope(async () => loader(key, context))
      .then((value) => resolve({ value, ttlSeconds, isSkipped }))
      .catch((error: unknown) => reject(new LoadFailure(failed(error), isSkipped)))
      .finally(end)
  })
}

/**
 * A load without the cache, which is unreachable, or because another client's load takes too long.
 * Stores nothing. Callers of one process share it, so that an outage does not become a stampede.
 */
export class Bypass {
  readonly #promise: Promise<unknown>
  readonly #portions: Portions
  readonly #abort = new AbortController()
  #isFirst = true

  /** Calls `onOver` once when the load has ended, before any caller gets the value. */
  constructor(ask: Ask, context: RefillContext, onOver: () => void) {
    const { store, clock, closedWith } = context
    if (closedWith !== undefined) this.abandon(closedWith)
    this.#portions = new Portions(store, clock, ask.slot.policy.isShared, this.#abort.signal)
    this.#promise = load(ask, undefined, context, this.#abort)
      .finally(onOver)
      .then(
        async ({ value }) => {
          await this.#portions.prepare(value)
          return value
        },
        (failure: LoadFailure) => {
          throw failure.error
        },
      )
  }

  /** Returns the result of the load for one caller. */
  async join(state: EntryState): Promise<RefillEntry> {
    const isFirst = this.#isFirst
    this.#isFirst = false
    if (!isFirst) this.#portions.expect()
    const value = await this.#promise
    return { value: isFirst ? value : await this.#portions.portion(value), state }
  }

  abandon(reason: unknown): void {
    this.#abort.abort(reason)
  }
}

function failed(error: unknown): unknown {
  if (isMintringError(error) && error.code === 'MINTRING_BAD_POLICY') return error
  return loaderFailed(`The loader failed: ${messageOf(error)}`, error)
}

/** Returns the error for callers that come after a failed load and before the next attempt. */
export function failedBefore({ policy, lastError }: Terms): MintringError {
  const cause = isMintringError(lastError) ? (lastError.cause ?? lastError) : lastError
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  const { errorBackoffSeconds } = policy
  return loaderFailed(`The last load failed less than ${errorBackoffSeconds} s ago${why}`, cause)
}

function loaderFailed(message: string, cause: unknown): MintringError {
  return new MintringError('MINTRING_LOADER', message, cause === undefined ? {} : { cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function timedOut(policy: Policy): MintringError {
  return new MintringError(
    'MINTRING_LOADER_TIMEOUT',
    `The loader took longer than ${policy.loaderTimeoutMs} ms`,
  )
}
