/**
 * Parses numbers as memcached does. Its `safe_strtol` functions use C's strtol, so they accept
 * leading white space, a sign, and numbers over 32 bits, which they truncate silently. The embedded
 * server must do the same.
 */

const U32_MAX = 4_294_967_295n
const U64_MAX = 18_446_744_073_709_551_615n
const I64_MAX = 9_223_372_036_854_775_807n
const C_NUMBER = /^[\t\n\v\f\r ]*([+-]?)(\d+)/

/** Returns the value of at most 9 digits, or -1 for any other bytes. */
function shortDigits(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 9) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

interface Scanned {
  readonly negative: boolean
  readonly magnitude: bigint
  readonly text: string
}

/** Parses a number as C's strtol does. White space, NUL or the end must follow the digits. */
function scan(bytes: Buffer, start: number, end: number): Scanned | undefined {
  const text = bytes.toString('latin1', start, end)
  const match = C_NUMBER.exec(text)
  if (match === null) return undefined
  const after = text.charCodeAt(match[0].length)
  const ends = Number.isNaN(after) || after === 0 || after === 32 || (after >= 9 && after <= 13)
  if (!ends || match[2]!.length > 60) return undefined
  return { negative: match[1] === '-', magnitude: BigInt(match[2]!), text }
}

function unsigned(bytes: Buffer, start: number, end: number): bigint | undefined {
  const found = scan(bytes, start, end)
  if (found === undefined || found.magnitude > U64_MAX) return undefined
  const value = found.negative ? BigInt.asUintN(64, -found.magnitude) : found.magnitude
  return value > I64_MAX && found.text.includes('-') ? undefined : value
}

/**
 * Reads an unsigned 32-bit number as `safe_strtoul` does, truncating larger ones; or returns NaN.
 */
export function readU32(bytes: Buffer, start: number, end: number): number {
  const short = shortDigits(bytes, start, end)
  if (short >= 0) return short
  const value = unsigned(bytes, start, end)
  return value === undefined ? Number.NaN : Number(BigInt.asUintN(32, value))
}

/** Reads a signed 32-bit number as `safe_strtol` does, truncating larger ones; or returns NaN. */
export function readI32(bytes: Buffer, start: number, end: number): number {
  const short = shortDigits(bytes, start, end)
  if (short >= 0) return short
  const found = scan(bytes, start, end)
  if (found === undefined) return Number.NaN
  if (found.magnitude > (found.negative ? I64_MAX + 1n : I64_MAX)) return Number.NaN
  return Number(BigInt.asIntN(32, found.negative ? -found.magnitude : found.magnitude))
}

/** Reads an unsigned 64-bit number as `safe_strtoull` does, or returns undefined. */
export function readU64(bytes: Buffer, start: number, end: number): bigint | undefined {
  const short = shortDigits(bytes, start, end)
  return short >= 0 ? BigInt(short) : unsigned(bytes, start, end)
}

/**
 * Reads a signed 32-bit number as memcached 1.6.45 and later do: digits, with an optional `-`.
 * Returns NaN for anything else.
 */
export function readStrictI32(bytes: Buffer, start: number, end: number): number {
  const short = shortDigits(bytes, start, end)
  if (short >= 0) return short
  const text = bytes.toString('latin1', start, end)
  if (!/^-?\d*$/.test(text)) return Number.NaN
  const value = text === '-' ? 0 : Number(text)
  return value === (value | 0) ? value : Number.NaN
}

/**
 * Reads an unsigned 32-bit number as memcached 1.6.45 and later do: digits only. Returns NaN for
 * anything else.
 */
export function readStrictU32(bytes: Buffer, start: number, end: number): number {
  const value = readStrictU64(bytes, start, end)
  return value === undefined || value > U32_MAX ? Number.NaN : Number(value)
}

/**
 * Reads an unsigned 64-bit number as memcached 1.6.45 and later do: digits only. Returns undefined
 * for anything else.
 */
export function readStrictU64(bytes: Buffer, start: number, end: number): bigint | undefined {
  const short = shortDigits(bytes, start, end)
  if (short >= 0) return BigInt(short)
  const text = bytes.toString('latin1', start, end)
  if (!/^\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value > U64_MAX ? undefined : value
}
