// Only the low word of the 64-bit FNV is ever used for placement, and it depends on the low words of the
// start value and the prime alone, so 32-bit arithmetic is exact. Bytes are sign-extended, as in libhashkit.
const START_64_LOW = 0x84222325
const PRIME_64_LOW = 0x1b3
const START_32 = 0x811c9dc5
const PRIME_32 = 0x01000193

/** libhashkit's `fnv1_64`: the low 32 bits of 64-bit FNV-1. */
export function fnv1x64(bytes: Uint8Array, length: number): number {
  let hash = START_64_LOW
  for (let i = 0; i < length; i++) hash = Math.imul(hash, PRIME_64_LOW) ^ ((bytes[i]! << 24) >> 24)
  return hash >>> 0
}

/** libhashkit's `fnv1a_64`, twemproxy's default: the low 32 bits of 64-bit FNV-1a. */
export function fnv1ax64(bytes: Uint8Array, length: number): number {
  let hash = START_64_LOW
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ ((bytes[i]! << 24) >> 24), PRIME_64_LOW)
  return hash >>> 0
}

/** libhashkit's `fnv1_32`. */
export function fnv1x32(bytes: Uint8Array, length: number): number {
  let hash = START_32
  for (let i = 0; i < length; i++) hash = Math.imul(hash, PRIME_32) ^ ((bytes[i]! << 24) >> 24)
  return hash >>> 0
}

/** libhashkit's `fnv1a_32`. */
export function fnv1ax32(bytes: Uint8Array, length: number): number {
  let hash = START_32
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ ((bytes[i]! << 24) >> 24), PRIME_32)
  return hash >>> 0
}
