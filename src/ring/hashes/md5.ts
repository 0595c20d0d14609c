import { type KeyHash, overBytes, packAscii } from '../key.ts'

/**
 * MD5 (RFC 1321) in plain JavaScript. For keys of a few dozen bytes, `crypto.hash` takes twice as
 * long: nearly all of it is the call into native code. A ring needs 32 bits, not a hex string.
 */
const m = new Int32Array(16)
const state = new Int32Array(4)
const before = new Int32Array(4)
/** The bytes of a message that fit into one block, beside the end bit and the length. */
const MAX_BLOCK_BYTES = 55

/**
 * Returns the first four bytes of the MD5, little-endian: libmemcached's and twemproxy's `md5` key
 * hash.
 */
function md5(bytes: Uint8Array, length: number): number {
  digest(bytes, length)
  return state[0]!
}

/**
 * Writes the four little-endian words of the MD5 to `out`, from `offset` on: four ketama points.
 */
export function md5Words(
  bytes: Uint8Array,
  length: number,
  out: Uint32Array,
  offset: number,
): void {
  digest(bytes, length)
  out[offset] = state[0]!
  out[offset + 1] = state[1]!
  out[offset + 2] = state[2]!
  out[offset + 3] = state[3]!
}

const md5OfBytes: KeyHash = overBytes(md5)

/** Hashes a key with `md5`. A short ASCII key is read directly into the message block. */
export const md5OfKey: KeyHash = (key) => {
  if (typeof key !== 'string' || key.length > MAX_BLOCK_BYTES || !packAscii(key, m)) {
    return md5OfBytes(key)
  }
  const { length } = key
  m[length >> 2]! |= 0x80 << (8 * (length & 3))
  m[14] = length << 3
  m[15] = 0
  begin()
  compress()
  return state[0]!
}

function begin(): void {
  state[0] = 0x67452301
  state[1] = 0xefcdab89
  state[2] = 0x98badcfe
  state[3] = 0x10325476
}

function digest(bytes: Uint8Array, length: number): void {
  begin()
  let at = 0
  for (; at + 64 <= length; at += 64) {
    for (let i = 0; i < 16; i++) m[i] = word(bytes, at + 4 * i)
    compress()
  }
  const full = (length - at) >> 2
  for (let i = 0; i < full; i++) m[i] = word(bytes, at + 4 * i)
  for (let i = full; i < 16; i++) m[i] = 0
  m[full] = lastWord(bytes, at + 4 * full, length)
  if (length - at >= 56) {
    compress()
    m.fill(0)
  }
  m[14] = length << 3
  m[15] = length >>> 29
  compress()
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

/** Returns the last bytes, at most three, followed by the bit that ends the message. */
function lastWord(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  let shift = 0
  for (let i = at; i < length; i++, shift += 8) value |= bytes[i]! << shift
  return value | (0x80 << shift)
}

function compress(): void {
  for (let i = 0; i < 4; i++) before[i] = state[i]!
  roundF()
  roundG()
  roundH()
  roundI()
  for (let i = 0; i < 4; i++) state[i]! += before[i]!
}

// The four rounds of MD5 are unrolled: loops over tables of constants take twice as long.
// Calls of helper functions would be slow, too: V8 does not inline this many.
// Each sum adds the result of the previous step last, so the CPU computes the rest meanwhile.
function roundF(): void {
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  a = (a + m[0]! + 0xd76aa478 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + m[1]! + 0xe8c7b756 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + m[2]! + 0x242070db + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + m[3]! + 0xc1bdceee + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + m[4]! + 0xf57c0faf + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + m[5]! + 0x4787c62a + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + m[6]! + 0xa8304613 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + m[7]! + 0xfd469501 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + m[8]! + 0x698098d8 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + m[9]! + 0x8b44f7af + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + m[10]! + 0xffff5bb1 + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + m[11]! + 0x895cd7be + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + m[12]! + 0x6b901122 + (d ^ (b & (c ^ d)))) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + m[13]! + 0xfd987193 + (c ^ (a & (b ^ c)))) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + m[14]! + 0xa679438e + (b ^ (d & (a ^ b)))) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + m[15]! + 0x49b40821 + (a ^ (c & (d ^ a)))) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

function roundG(): void {
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  a = (a + m[1]! + 0xf61e2562 + (c & ~d) + (b & d)) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + m[6]! + 0xc040b340 + (b & ~c) + (a & c)) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + m[11]! + 0x265e5a51 + (a & ~b) + (d & b)) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + m[0]! + 0xe9b6c7aa + (d & ~a) + (c & a)) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + m[5]! + 0xd62f105d + (c & ~d) + (b & d)) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + m[10]! + 0x02441453 + (b & ~c) + (a & c)) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + m[15]! + 0xd8a1e681 + (a & ~b) + (d & b)) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + m[4]! + 0xe7d3fbc8 + (d & ~a) + (c & a)) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + m[9]! + 0x21e1cde6 + (c & ~d) + (b & d)) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + m[14]! + 0xc33707d6 + (b & ~c) + (a & c)) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + m[3]! + 0xf4d50d87 + (a & ~b) + (d & b)) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + m[8]! + 0x455a14ed + (d & ~a) + (c & a)) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + m[13]! + 0xa9e3e905 + (c & ~d) + (b & d)) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + m[2]! + 0xfcefa3f8 + (b & ~c) + (a & c)) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + m[7]! + 0x676f02d9 + (a & ~b) + (d & b)) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + m[12]! + 0x8d2a4c8a + (d & ~a) + (c & a)) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

function roundH(): void {
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  a = (a + m[5]! + 0xfffa3942 + (b ^ (c ^ d))) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + m[8]! + 0x8771f681 + (a ^ (b ^ c))) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + m[11]! + 0x6d9d6122 + (d ^ (a ^ b))) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + m[14]! + 0xfde5380c + (c ^ (d ^ a))) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + m[1]! + 0xa4beea44 + (b ^ (c ^ d))) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + m[4]! + 0x4bdecfa9 + (a ^ (b ^ c))) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + m[7]! + 0xf6bb4b60 + (d ^ (a ^ b))) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + m[10]! + 0xbebfbc70 + (c ^ (d ^ a))) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + m[13]! + 0x289b7ec6 + (b ^ (c ^ d))) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + m[0]! + 0xeaa127fa + (a ^ (b ^ c))) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + m[3]! + 0xd4ef3085 + (d ^ (a ^ b))) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + m[6]! + 0x04881d05 + (c ^ (d ^ a))) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + m[9]! + 0xd9d4d039 + (b ^ (c ^ d))) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + m[12]! + 0xe6db99e5 + (a ^ (b ^ c))) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + m[15]! + 0x1fa27cf8 + (d ^ (a ^ b))) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + m[2]! + 0xc4ac5665 + (c ^ (d ^ a))) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}

function roundI(): void {
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  a = (a + m[0]! + 0xf4292244 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + m[7]! + 0x432aff97 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + m[14]! + 0xab9423a7 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + m[5]! + 0xfc93a039 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + m[12]! + 0x655b59c3 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + m[3]! + 0x8f0ccc92 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + m[10]! + 0xffeff47d + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + m[1]! + 0x85845dd1 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + m[8]! + 0x6fa87e4f + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + m[15]! + 0xfe2ce6e0 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + m[6]! + 0xa3014314 + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + m[13]! + 0x4e0811a1 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + m[4]! + 0xf7537e82 + (c ^ (b | ~d))) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + m[11]! + 0xbd3af235 + (b ^ (a | ~c))) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + m[2]! + 0x2ad7d2bb + (a ^ (d | ~b))) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + m[9]! + 0xeb86d391 + (d ^ (c | ~a))) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}
