import { Deadline, type StallLimit } from '../../deadline.ts'
import { isMintringError, type MintringError } from '../../errors.ts'
import { DialPace } from '../../hosts/pace.ts'
import { isFateOfKeys } from '../../hosts/scatter.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import type { Encoded } from '../values/codec.ts'
import type { KeyBatch } from './many.ts'
import { allOf, laterOptions } from './many.ts'
import { chunkBytes, fits, tooLarge, UNENCODED } from './storage.ts'

/** The limits of encoding; `refused` gets the reason for each value that exceeds them. */
interface Encoding {
  readonly deadline: Deadline
  readonly limit: StallLimit
  readonly refused: Map<number, MintringError>
}

/** Encodes all values. Rejects if one cannot be encoded; one that takes too long fails alone. */
export async function encodeAll(
  core: ClientCore,
  values: Iterable<unknown>,
  { deadline, limit, refused }: Encoding,
): Promise<Encoded[]> {
  const pace = new DialPace()
  const encoded: Encoded[] = []
  // Promises for slow values only: one per value would block the event loop in a large batch.
  const slow: Promise<void>[] = []
  let position = 0
  for (const value of values) {
    const at = position++
    const item = core.codec.encode(value)
    if (item instanceof Promise) {
      const done = deadline.bound(limit.bound(item), UNENCODED).then(
        (body) => {
          encoded[at] = body
        },
        (error: unknown) => {
          if (!isLate(error)) throw error
          refused.set(at, error)
        },
      )
      // Mark the rejection as handled: Promise.all may see it several ticks later.
      done.catch(() => {})
      slow.push(done)
    } else encoded[at] = item
    if (pace.isDue()) await pace.rest()
  }
  await Promise.all(slow)
  return encoded
}

/** Whether an error means that time is over. */
export function isLate(error: unknown): error is MintringError {
  return isMintringError(error) && error.code === 'MINTRING_TIMEOUT'
}

/** How large values are stored; `refused` gets the reason for each that cannot be stored. */
interface Splitting extends Omit<Encoding, 'limit'> {
  readonly exptime: number
  readonly options: OperationOptions | undefined
}

/** Splits the values that are larger than an item. One that fails does so alone. */
export async function splitLarge(
  core: ClientCore,
  batch: KeyBatch,
  encoded: Encoded[],
  { exptime, options, deadline, refused }: Splitting,
): Promise<void> {
  const pace = new DialPace()
  for (const position of allOf(batch)) {
    if (pace.isDue()) await pace.rest()
    core.changed(batch.keys[position]!)
    const wireKey = batch.wireKeys[position]!
    const item = encoded[position]
    if (item === undefined || fits(core, wireKey, item.body.length)) continue
    try {
      if (core.chunks === undefined) throw tooLarge(core, wireKey, item.body.length)
      const own = new Deadline('setMany', laterOptions(deadline, options), core.operationMs)
      encoded[position] = await core.chunks.write(item, exptime, chunkBytes(core), own)
    } catch (error) {
      if (!isFateOfKeys(error)) throw error
      refused.set(position, error)
    }
  }
}
