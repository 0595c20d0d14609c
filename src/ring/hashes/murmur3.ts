const C1 = 0xcc9e2d51
const C2 = 0x1b873593

/** MurmurHash3_x86_32 with the given seed. */
function murmur3Seeded(bytes: Uint8Array, length: number, seed: number): number {
  let hash = seed | 0
  let at = 0
  for (; at + 4 <= length; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash ^= scramble(word)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  const rest = length - at
  let tail = 0
  if (rest >= 3) tail ^= bytes[at + 2]! << 16
  if (rest >= 2) tail ^= bytes[at + 1]! << 8
  if (rest >= 1) hash ^= scramble(tail ^ bytes[at]!)
  return mix(hash ^ length) | 0
}

function scramble(word: number): number {
  const product = Math.imul(word, C1)
  return Math.imul((product << 15) | (product >>> 17), C2)
}

/** Murmur3's finalizer: maps 32-bit numbers one to one, spreading every bit over all 32. */
export function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** libmemcached's `murmur3`: its seed depends on the length. */
export function murmur3(bytes: Uint8Array, length: number): number {
  return murmur3Seeded(bytes, length, Math.imul(0xdeadbeef, length))
}

/** Plain MurmurHash3_x86_32 with seed 0; pymemcache computes the scores of nodes with it. */
export function murmur3x32(bytes: Uint8Array, length: number): number {
  return murmur3Seeded(bytes, length, 0)
}
