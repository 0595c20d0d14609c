import type { Clock } from '../clock.ts'
import type { Finding } from './finding.ts'
import { isImmutable, isPromise, UNREADABLE, withoutValue } from './finding.ts'
import type { EncodedItem, RefillStore } from './store.ts'

/**
 * The time limit of a serializer for one value, so that one that hangs does not hang its callers.
 */
const CODEC_TIMEOUT_MS = 5_000

/** Resolves like the promise, or to undefined after `timeoutMs` or when the signal fires. */
export function withinWait<Result>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<Result>,
  signal?: AbortSignal,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(signal?.aborted === true ? 0 : timeoutMs, () => end())
    const end = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', end)
      resolve(undefined)
    }
    signal?.addEventListener('abort', end)
    promise.then(resolve, reject).finally(end)
  })
}

/**
 * Resolves to a codec's result, or to undefined when it takes too long or the signal fires. Rejects
 * like the codec.
 */
export function coded<Result>(
  clock: Clock,
  result: Result | Promise<Result>,
  signal?: AbortSignal,
): Promise<Result | undefined> {
  return withinWait(clock, CODEC_TIMEOUT_MS, Promise.resolve(result), signal)
}

/**
 * Returns the read result with its decoded value. A value that cannot be decoded counts as absent.
 */
export async function decoded(
  clock: Clock,
  terms: { decoding: number },
  finding: Finding,
): Promise<Finding> {
  terms.decoding++
  try {
    const value = await coded(clock, finding.value)
    return value === undefined ? withoutValue(finding) : { ...finding, value }
  } catch {
    return withoutValue(finding)
  } finally {
    terms.decoding--
  }
}

/**
 * Returns the read result with another copy of its value; shares a value that cannot be decoded
 * again.
 */
export function anew(finding: Finding, clock: Clock): Finding {
  const value = finding.again()
  if (value === UNREADABLE) return finding
  if (!isPromise(value)) return { ...finding, value }
  const copy = coded(clock, value).catch(() => undefined)
  return { ...finding, value: copy.then((done) => done ?? finding.value) }
}

/**
 * One loaded value for several callers. The first gets the loaded value; each other caller gets a
 * copy, as a read would decode it.
 */
export class Portions {
  readonly #store: RefillStore
  readonly #clock: Clock
  readonly #isShared: boolean
  readonly #signal: AbortSignal | undefined
  #others = 0
  #encoded: EncodedItem | undefined

  /** When `signal` fires, prepare() does not wait for a codec, and callers share the value. */
  constructor(store: RefillStore, clock: Clock, isShared: boolean, signal?: AbortSignal) {
    this.#store = store
    this.#clock = clock
    this.#isShared = isShared
    this.#signal = signal
  }

  /** Announces one more caller for the value. */
  expect(): void {
    this.#others++
  }

  /** Prepares to copy the loaded value, before its first caller has it and can change it. */
  async prepare(value: unknown, encoded?: EncodedItem): Promise<void> {
    if (this.#others === 0 || this.#isShared || isImmutable(value)) return
    const made = encoded ?? (await this.#tried(() => this.#store.encode(value), this.#signal))
    if (made === undefined) return
    const { body, flags } = made
    this.#encoded = { body: typeof body === 'string' ? body : Uint8Array.from(body), flags }
  }

  /** Returns a copy for one of the other callers; shares a value that no codec can copy. */
  async portion(value: unknown): Promise<unknown> {
    const encoded = this.#encoded
    if (encoded === undefined) return value
    return (await this.#tried(() => this.#store.decode(encoded))) ?? value
  }

  async #tried<Result>(
    code: () => Result | Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result | undefined> {
    try {
      return await coded(this.#clock, code(), signal)
    } catch {
      return undefined
    }
  }
}
