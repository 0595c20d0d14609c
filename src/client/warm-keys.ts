import { performance, setImmediate } from '../runtime.ts'
import { kindOf } from '../secrets.ts'
import { badWarm } from './warm-options.ts'

/** Waits `delayMs`, or until the run ends early. */
export type WaitForKeys = (delayMs: number) => Promise<void>

/** How many keys to read before yielding to the event loop, for iterators that never wait. */
const KEYS_PER_TURN = 256

/** Reads keys from the iterator, one call at a time, at the rate of the run. */
export class WarmKeys {
  readonly #iterator: Iterator<string> | AsyncIterator<string>
  readonly #pace: Pace | undefined
  #last: Promise<unknown> = Promise.resolve()
  #taken = 0

  /** Throws MINTRING_BAD_ARGUMENT if `keys` is not iterable. */
  constructor(
    keys: Iterable<string> | AsyncIterable<string>,
    perSecond: number | undefined,
    wait: WaitForKeys,
  ) {
    this.#iterator = iteratorOf(keys)
    this.#pace = perSecond === undefined ? undefined : new Pace(perSecond, wait)
  }

  /** Returns the next key as soon as the rate allows; undefined after the last. */
  take(): Promise<string | undefined> {
    const taken = this.#last.then(() => this.#take())
    this.#last = taken.catch(() => {})
    return taken
  }

  /** Returns the next key at once; resumed runs use it to skip finished keys. */
  async skip(): Promise<string | undefined> {
    if (++this.#taken % KEYS_PER_TURN === 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { value, done } = await this.#iterator.next()
    if (done === true) return undefined
    if (typeof value === 'string') return value
    const instead = typeof value === 'number' ? ': write String(id)' : ''
    throw badWarm(`every key must be a string, not ${kindOf(value)}${instead}`)
  }

  /** Closes the iterator. */
  async end(): Promise<void> {
    await this.#iterator.return?.()
  }

  async #take(): Promise<string | undefined> {
    const key = await this.skip()
    if (key !== undefined) await this.#pace?.next()
    return key
  }
}

/** Spreads starts evenly, and allows at most `perSecond` of them in any second. */
class Pace {
  readonly #gapMs: number
  readonly #wait: WaitForKeys
  /** A ring buffer of the start times of the last `perSecond` keys. */
  readonly #beganMs: Float64Array
  #count = 0
  #slotMs = 0

  constructor(perSecond: number, wait: WaitForKeys) {
    this.#gapMs = 1000 / perSecond
    this.#beganMs = new Float64Array(Math.max(1, Math.ceil(perSecond))).fill(-Infinity)
    this.#wait = wait
  }

  /** Resolves when the next key may start. */
  async next(): Promise<void> {
    const at = this.#count++ % this.#beganMs.length
    const earliestMs = this.#beganMs[at]! + WINDOW_MS
    const slotMs = Math.max(performance.now(), this.#slotMs, earliestMs)
    this.#slotMs = slotMs + this.#gapMs
    const leftMs = slotMs - performance.now()
    // Timers cannot wait less than 1 ms, so start at once: later keys then wait longer.
    if (leftMs >= 1) await this.#wait(leftMs)
    this.#beganMs[at] = performance.now()
  }
}

/** One second, plus the millisecond that a timer may fire early. */
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
