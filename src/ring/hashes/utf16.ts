import { type Key, textOf } from '../key.ts'

// spymemcached and memjs hash the UTF-16 units of a string, not its bytes.
const START_64_LOW = 0x84222325
const PRIME_64_LOW = 0x1b3
const START_32 = 0x811c9dc5
const PRIME_32 = 0x01000193

/** Java's `String.hashCode`: spymemcached's NATIVE_HASH. */
export function javaHash(key: Key): number {
  const text = textOf(key)
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash | 0
}

/** The key hash of the npm package `memjs`: the absolute value of Java's `String.hashCode`. */
export function javaHashAbsolute(key: Key): number {
  return Math.abs(javaHash(key)) | 0
}

function fnv1(key: Key, start: number, prime: number): number {
  const text = textOf(key)
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, prime) ^ text.charCodeAt(i)
  return hash | 0
}

function fnv1a(key: Key, start: number, prime: number): number {
  const text = textOf(key)
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), prime)
  return hash | 0
}

/** spymemcached's FNV1_64_HASH, low 32 bits. */
export function spyFnv1x64(key: Key): number {
  return fnv1(key, START_64_LOW, PRIME_64_LOW)
}

/** spymemcached's FNV1A_64_HASH, low 32 bits. */
export function spyFnv1ax64(key: Key): number {
  return fnv1a(key, START_64_LOW, PRIME_64_LOW)
}

/** spymemcached's FNV1_32_HASH. */
export function spyFnv1x32(key: Key): number {
  return fnv1(key, START_32, PRIME_32)
}

/** spymemcached's FNV1A_32_HASH. */
export function spyFnv1ax32(key: Key): number {
  return fnv1a(key, START_32, PRIME_32)
}
