import { performance, setImmediate } from '../runtime.ts'
import { kindOf } from '../secrets.ts'
import { badWarm } from './warm-options.ts'

/** Waits, or less when the run ends. */
export type WaitForKeys = (delayMs: number) => Promise<void>

/** Keys between two turns of the event loop, for iterators and loaders that never wait. */
const KEYS_PER_TURN = 256

/** Hands out keys at the pace of the run, one call of the iterator at a time. */
export class WarmKeys {
  readonly #iterator: Iterator<string> | AsyncIterator<string>
  readonly #pace: Pace | undefined
  #last: Promise<unknown> = Promise.resolve()
  #taken = 0

  /** Throws MINTRING_BAD_ARGUMENT for what is no iterable. */
  constructor(
    keys: Iterable<string> | AsyncIterable<string>,
    perSecond: number | undefined,
    wait: WaitForKeys,
  ) {
    this.#iterator = iteratorOf(keys)
    this.#pace = perSecond === undefined ? undefined : new Pace(perSecond, wait)
  }

  /** The next key when it may begin; undefined after the last. */
  take(): Promise<string | undefined> {
    const taken = this.#last.then(() => this.#take())
    this.#last = taken.catch(() => {})
    return taken
  }

  /** The next key of a run before: at once. */
  async skip(): Promise<string | undefined> {
    if (++this.#taken % KEYS_PER_TURN === 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { value, done } = await this.#iterator.next()
    return done === true ? undefined : value
  }

  /** Lets the iterator clean up. */
  async end(): Promise<void> {
    await this.#iterator.return?.()
  }

  async #take(): Promise<string | undefined> {
    const key = await this.skip()
    if (key !== undefined) await this.#pace?.next()
    return key
  }
}

/** Spreads beginnings evenly, and lets no more than the rate fall into any second. */
class Pace {
  readonly #gapMs: number
  readonly #wait: WaitForKeys
  /** When the last keys of a second began, in turn. */
  readonly #beganMs: Float64Array
  #count = 0
  #slotMs = 0

  constructor(perSecond: number, wait: WaitForKeys) {
    this.#gapMs = 1000 / perSecond
    this.#beganMs = new Float64Array(Math.max(1, Math.ceil(perSecond))).fill(-Infinity)
    this.#wait = wait
  }

  /** Resolves when the next key may begin. */
  async next(): Promise<void> {
    const at = this.#count++ % this.#beganMs.length
    const earliestMs = this.#beganMs[at]! + WINDOW_MS
    const slotMs = Math.max(performance.now(), this.#slotMs, earliestMs)
    this.#slotMs = slotMs + this.#gapMs
    const leftMs = slotMs - performance.now()
    // Timers have whole milliseconds: a shorter wait is skipped, and the next slots make up for it.
    if (leftMs >= 1) await this.#wait(leftMs)
    this.#beganMs[at] = performance.now()
  }
}

/** A second, and the millisecond that a timer may be early. */
const WINDOW_MS = 1001

function iteratorOf(
  keys: Iterable<string> | AsyncIterable<string>,
): Iterator<string> | AsyncIterator<string> {
  const source = Object(keys)
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
  if (Symbol.iterator in source && typeof keys !== 'string') return source[Symbol.iterator]()
  const got = typeof keys === 'string' ? 'one string: write [key]' : kindOf(keys)
  throw badWarm(`keys must be an array or another iterable, not ${got}`)
}
