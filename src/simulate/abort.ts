import { checkSignal, onAbort } from '../deadline.ts'
import { MintringError } from '../errors.ts'
import { setImmediate } from '../runtime.ts'

/** So much work at a time keeps a signal waiting for milliseconds. */
const WORK_BETWEEN_PAUSES = 65_536

/**
 * Lets the event loop run now and then while a count computes: without it no signal would be heard.
 * Ends the count with MINTRING_ABORTED when the signal fired.
 */
export class Pauses {
  /** What is told when the count ends early. */
  keys = 0
  readonly #signal: AbortSignal | undefined
  #work = 0

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    this.check()
  }

  /** Notes work done; answers whether it is time for a pause. */
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

/** A MINTRING_ABORTED error that tells how far a count came. */
export function aborted(signal: AbortSignal, keys: number): MintringError {
  const text = `The count was stopped after ${keys} keys. Nothing is kept: it begins anew`
  return new MintringError('MINTRING_ABORTED', text, { cause: signal.reason })
}

/** The items of an iterable until the signal fires, even while the next one is awaited. */
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
    // Not awaited: a source that hangs would hold up the end.
    void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

function iteratorOf<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
): Iterator<Item> | AsyncIterator<Item> {
  if (Symbol.asyncIterator in items) return items[Symbol.asyncIterator]()
  return items[Symbol.iterator]()
}
