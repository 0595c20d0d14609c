import { hashedBytes, type Key, type KeyHash } from '../key.ts'

// Rings use only the low 32 bits of 64-bit FNV hashes, which 32-bit arithmetic computes exactly.
const START_64_LOW = 0x84222325
const PRIME_64_LOW = 0x1b3
const START_32 = 0x811c9dc5
const PRIME_32 = 0x01000193

// Hashes ASCII text character by character: copying it to bytes first would take longer.
// Bytes from 0x80 up are sign-extended, as in libhashkit.

function fnv1(start: number, prime: number): KeyHash {
  const overBytes = (bytes: Uint8Array): number => {
    let hash = start | 0
    for (let i = 0; i < bytes.length; i++) {
      hash = Math.imul(hash, prime) ^ ((bytes[i]! << 24) >> 24)
    }
    return hash | 0
  }
  return (key: Key) => {
    if (typeof key !== 'string') return overBytes(key)
    let hash = start | 0
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i)
      if (unit > 0x7f) return overBytes(hashedBytes(key))
      hash = Math.imul(hash, prime) ^ unit
    }
    return hash | 0
  }
}

function fnv1a(start: number, prime: number): KeyHash {
  const overBytes = (bytes: Uint8Array): number => {
    let hash = start | 0
    for (let i = 0; i < bytes.length; i++) {
      hash = Math.imul(hash ^ ((bytes[i]! << 24) >> 24), prime)
    }
    return hash | 0
  }
  return (key: Key) => {
    if (typeof key !== 'string') return overBytes(key)
    let hash = start | 0
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i)
      if (unit > 0x7f) return overBytes(hashedBytes(key))
      hash = Math.imul(hash ^ unit, prime)
    }
    return hash | 0
  }
}

/** libhashkit's `fnv1_64`: the low 32 bits of 64-bit FNV-1. */
export const fnv1x64: KeyHash = fnv1(START_64_LOW, PRIME_64_LOW)

/** libhashkit's `fnv1a_64`, twemproxy's default: the low 32 bits of 64-bit FNV-1a. */
export const fnv1ax64: KeyHash = fnv1a(START_64_LOW, PRIME_64_LOW)

/** libhashkit's `fnv1_32`. */
export const fnv1x32: KeyHash = fnv1(START_32, PRIME_32)

/** libhashkit's `fnv1a_32`. */
export const fnv1ax32: KeyHash = fnv1a(START_32, PRIME_32)
