import { types } from 'node:util'
import type { Clock } from './clock.ts'
import type { Finding } from './finding.ts'
import { isImmutable, UNREADABLE, withoutValue } from './finding.ts'
import type { EncodedItem, RefillStore } from './store.ts'

/** How long a serializer may take over one value: one that hangs must not hang its callers. */
const CODEC_TIMEOUT_MS = 5_000

/** What the promise resolves to, or undefined when that takes too long. */
export function withinWait<Result>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<Result>,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => resolve(undefined))
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}

/** What a codec makes of a value, or undefined when it takes too long. Rejects as it does. */
export function coded<Result>(
  clock: Clock,
  result: Result | Promise<Result>,
): Promise<Result | undefined> {
  return withinWait(clock, CODEC_TIMEOUT_MS, Promise.resolve(result))
}

/** The finding with its value. A value that cannot be read is as good as absent. */
export async function decoded(clock: Clock, finding: Finding): Promise<Finding> {
  try {
    const value = await coded(clock, finding.value)
    return value === undefined ? withoutValue(finding) : { ...finding, value }
  } catch {
    return withoutValue(finding)
  }
}

/** The finding for one more caller. A value that cannot be decoded once more is shared. */
export function anew(finding: Finding, clock: Clock): Finding {
  const value = finding.again()
  if (value === UNREADABLE) return finding
  if (!types.isPromise(value)) return { ...finding, value }
  const copy = coded(clock, value).catch(() => undefined)
  return { ...finding, value: copy.then((done) => done ?? finding.value) }
}

/**
 * One loaded value for several callers. The first gets what was loaded; each of the others gets a
 * copy of its own, as a read would decode it.
 */
export class Portions {
  readonly #store: RefillStore
  readonly #clock: Clock
  readonly #isShared: boolean
  #others = 0
  #encoded: EncodedItem | undefined

  constructor(store: RefillStore, clock: Clock, isShared: boolean) {
    this.#store = store
    this.#clock = clock
    this.#isShared = isShared
  }

  /** One more caller will come for the value. */
  expect(): void {
    this.#others++
  }

  /** Makes the copies possible, before a caller has the value and can change it. */
  async prepare(value: unknown, encoded?: EncodedItem): Promise<void> {
    if (this.#others === 0 || this.#isShared || isImmutable(value)) return
    const made = encoded ?? (await this.#tried(() => this.#store.encode(value)))
    if (made === undefined) return
    const { body, flags } = made
    this.#encoded = { body: typeof body === 'string' ? body : Uint8Array.from(body), flags }
  }

  /** A value for one of the others. What no codec can write or read again is shared. */
  async portion(value: unknown): Promise<unknown> {
    const encoded = this.#encoded
    if (encoded === undefined) return value
    return (await this.#tried(() => this.#store.decode(encoded))) ?? value
  }

  async #tried<Result>(code: () => Result | Promise<Result>): Promise<Result | undefined> {
    try {
      return await coded(this.#clock, code())
    } catch {
      return undefined
    }
  }
}
