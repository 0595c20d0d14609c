import { Deadline, type StallLimit } from '../../deadline.ts'
import { isMintringError, type MintringError } from '../../errors.ts'
import { isFateOfKeys } from '../../hosts/scatter.ts'
import { TimeSlice } from '../../hosts/time-slice.ts'
import type { ClientCore } from '../core.ts'
import type { OperationOptions } from '../options.ts'
import type { Encoded } from '../values/codec.ts'
import { type KeyBatch, laterOptions } from './many.ts'
import { chunkBytes, fits, tooLarge, UNENCODED } from './storage.ts'

/**
 * The values of a setMany by position, encoded. Two arrays, because an object per value would keep
 * the garbage collector busy.
 */
export interface EncodedMany {
  /** At first the values themselves: encodeAll() replaces each by its body. */
  readonly bodies: Encoded['body'][]
  readonly flags: Uint32Array
}

/** The limits of encoding; `refused` gets the reason for each value that exceeds them. */
interface Encoding {
  readonly deadline: Deadline
  readonly limit: StallLimit
  readonly refused: Map<number, MintringError>
}

/** Encodes all values. Rejects if one cannot be encoded; one that takes too long fails alone. */
export async function encodeAll(
  core: ClientCore,
  encoded: EncodedMany,
  { deadline, limit, refused }: Encoding,
): Promise<void> {
  const slice = new TimeSlice()
  // Promises for slow values only: one per value would block the event loop in a large batch.
  const slow: Promise<void>[] = []
  for (let at = 0; at < encoded.bodies.length; at++) {
    const item = core.codec.encode(encoded.bodies[at])
    if (item instanceof Promise) {
      put(encoded, at, NOTHING)
      const done = deadline.bound(limit.bound(item), UNENCODED).then(
        (own) => put(encoded, at, own),
        (error: unknown) => {
          if (!isLate(error)) throw error
          refused.set(at, error)
        },
      )
      // Mark the rejection as handled: Promise.all may see it several ticks later.
      done.catch(() => {})
      slow.push(done)
    } else put(encoded, at, item)
    if (slice.isOver()) await slice.next()
  }
  await Promise.all(slow)
}

const NOTHING: Encoded = { body: '', flags: 0 }

function put({ bodies, flags: allFlags }: EncodedMany, at: number, { body, flags }: Encoded): void {
  bodies[at] = body
  allFlags[at] = flags
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
  { keys, wireKeys }: KeyBatch,
  encoded: EncodedMany,
  { exptime, options, deadline, refused }: Splitting,
): Promise<void> {
  const slice = new TimeSlice()
  for (let at = 0; at < keys.length; at++) {
    if (slice.isOver()) await slice.next()
    core.changed(keys[at]!)
    const wireKey = wireKeys[at]!
    const body = encoded.bodies[at]!
    if (fits(core, wireKey, body.length)) continue
    try {
      if (core.chunks === undefined) throw tooLarge(core, wireKey, body.length)
      const own = new Deadline('setMany', laterOptions(deadline, options), core.operationMs)
      const item = { body, flags: encoded.flags[at]! }
      put(encoded, at, await core.chunks.write(item, exptime, chunkBytes(core), own))
    } catch (error) {
      if (!isFateOfKeys(error)) throw error
      refused.set(at, error)
    }
  }
}
