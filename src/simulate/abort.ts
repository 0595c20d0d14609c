import { checkSignal, onAbort } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { setImmediate } from '../runtime.ts'

/**
 * How much work to do before the event loop runs again: more would delay a signal by many
 * milliseconds.
 */
const WORK_BETWEEN_PAUSES = 65_536

/**
 * Lets the event loop run from time to time during a long count, so that a signal can fire. Ends
 * the count with MINTRING_ABORTED if the signal has fired.
 */
export class Pauses {
  /** The number of keys counted so far, for the error of an aborted count. */
  keys = 0
  readonly #signal: AbortSignal | undefined
  #work = 0

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    this.check()
  }

  /** Records how much work was done. Returns whether a pause is due. */
  isDue(work: number): boolean {
    this.#work += work
    return this.#work >= WORK_BETWEEN_PAUSES
  }

  async take(): Promise<void> {
    this.#work = 0
    await new Promise((resolve) => setImmediate(resolve))
    this.check()
  }

  check(): void {
    if (this.#signal?.aborted === true) throw aborted(this.#signal, this.keys)
  }
}

/** Creates the MINTRING_ABORTED error of a count, which says how many keys were counted. */
export function aborted(signal: AbortSignal, keys: number): MintringError {
  const text = `The count was stopped after ${keys} keys. Its result is lost: start it again`
  return new MintringError('MINTRING_ABORTED', text, { cause: signal.reason })
}

/**
 * Yields the items of an iterable until the signal fires, even while it waits for the next item.
 */
export async function* untilAborted<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const iterator = iteratorOf(items)
  let reject: (error: MintringError) => void = () => {}
  const leave = onAbort(signal, { reject: (error) => reject(error) })
  try {
    for (;;) {
      checkSignal(signal)
      const { value, done } = await new Promise<IteratorResult<Item>>((resolve, fail) => {
        reject = fail
        Promise.resolve(iterator.next()).then(resolve, fail)
      })
      if (done === true) return
      yield value
    }
  } finally {
    leave()
    // Does not wait for the iterator to close: if its source hangs, that may never happen.
    void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

function iteratorOf<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
): Iterator<Item> | AsyncIterator<Item> {
  if (Symbol.asyncIterator in items) return items[Symbol.asyncIterator]()
  return items[Symbol.iterator]()
}
