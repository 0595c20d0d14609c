import { MintringError } from '../../../errors.ts'
import { badValue } from '../json.ts'

/** The maximum distance of a level 2 match without two more bytes. */
const NEAR_DISTANCE = 8191

/**
 * Decompresses FastLZ (Ariya Hidayat's format, levels 1 and 2), the default of PHP's memcached
 * extension. The top three bits of the first byte are the level; then follow runs of literals
 * (below 32) and matches (three bits of length, thirteen of distance). Throws MINTRING_TOO_LARGE
 * beyond `maxBytes`, and MINTRING_BAD_VALUE for corrupt bytes.
 */
export function fastlzDecompress(bytes: Buffer, length: number, maxBytes: number): Buffer {
  if (length > maxBytes) {
    throw new MintringError(
      'MINTRING_TOO_LARGE',
      `a compressed value decompresses to more than maxDecompressedBytes (${maxBytes})`,
    )
  }
  const output = Buffer.alloc(length)
  const level = (bytes[0] ?? 0) >> 5
  let from = 0
  let to = 0
  while (from < bytes.length) {
    const control = from === 0 ? bytes[from++]! & 31 : bytes[from++]!
    if (control < 32) {
      const run = control + 1
      if (from + run > bytes.length || to + run > length) throw damaged()
      bytes.copy(output, to, from, from + run)
      from += run
      to += run
      continue
    }
    const match = readMatch(bytes, from, control, level)
    from = match.next
    const start = to - match.distance
    if (start < 0 || to + match.length > length) throw damaged()
    // Copy byte by byte: a match may overlap its own output, which is how runs are stored.
    for (let i = 0; i < match.length; i++) output[to++] = output[start + i]!
  }
  if (to !== length) throw damaged()
  return output
}

interface Match {
  readonly length: number
  readonly distance: number
  /** The position of the next control byte. */
  readonly next: number
}

function readMatch(bytes: Buffer, at: number, control: number, level: number): Match {
  let next = at
  const take = (): number => {
    const byte = bytes[next++]
    if (byte === undefined) throw damaged()
    return byte
  }
  let length = (control >> 5) - 1
  if (length === 6) {
    let more = take()
    length += more
    while (level === 1 && more === 255) {
      more = take()
      length += more
    }
  }
  const high = (control & 31) << 8
  const low = take()
  let distance = high + low + 1
  if (level === 1 && low === 255 && high === 31 << 8) {
    const far = take() << 8
    distance = far + take() + NEAR_DISTANCE + 1
  }
  return { length: length + 3, distance, next }
}

function damaged(): MintringError {
  return badValue('a stored value is not FastLZ, although its flags say so')
}
