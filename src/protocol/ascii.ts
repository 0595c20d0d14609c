export const SPACE = 0x20

/** Returns where the token that begins at `at` ends. Returns more than `end` if `at` is past it. */
export function tokenEnd(bytes: Buffer, at: number, end: number): number {
  let i = at
  while (i < end && bytes[i] !== SPACE) i++
  return i
}

/** Returns whether the bytes from `start` on begin with `word`. */
export function startsWith(bytes: Buffer, start: number, end: number, word: string): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) {
    if (bytes[start + i] !== word.charCodeAt(i)) return false
  }
  return true
}

/** Returns whether all bytes of the range are spaces. */
export function onlySpaces(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== SPACE) return false
  return true
}

/** Reads a decimal integer from 0 to 2^53-1. Returns -1 for anything else. */
export function readUint(bytes: Buffer, start: number, end: number): number {
  if (start >= end) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1
}

const MAX_UINT64_DIGITS = '18446744073709551615'

/** Returns whether the bytes are a decimal integer from 0 to 2^64-1. */
export function isUint64(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length < 1 || length > MAX_UINT64_DIGITS.length) return false
  let order = length === MAX_UINT64_DIGITS.length ? 0 : -1
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i]!
    if (byte < 0x30 || byte > 0x39) return false
    if (order === 0) order = byte - MAX_UINT64_DIGITS.charCodeAt(i)
  }
  return order <= 0
}
