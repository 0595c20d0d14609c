/**
 * MD5 (RFC 1321) in plain JavaScript. `crypto.hash` costs twice as much on keys of a few dozen
 * bytes, nearly all of it in crossing to native code, and a ring needs 32 bits, not a hex string.
 */
const m = new Int32Array(16)
const state = new Int32Array(4)
const before = new Int32Array(4)

/**
 * The first four bytes of the MD5, little-endian: libmemcached's and twemproxy's `md5` key hash.
 */
export function md5(bytes: Uint8Array, length: number): number {
  digest(bytes, length)
  return state[0]!
}

/** The four little-endian words of the MD5, written to `out` from `offset`: four ketama points. */
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

function digest(bytes: Uint8Array, length: number): void {
  state[0] = 0x67452301
  state[1] = 0xefcdab89
  state[2] = 0x98badcfe
  state[3] = 0x10325476
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

/** The up to three bytes left, and the bit that ends the message. */
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

// The four rounds are written out: loops over tables of shifts and constants take twice as long,
// and helper functions are too many for the optimizer to inline.
function roundF(): void {
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  a = (a + ((b & c) | (~b & d)) + m[0]! + 0xd76aa478) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + ((a & b) | (~a & c)) + m[1]! + 0xe8c7b756) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + ((d & a) | (~d & b)) + m[2]! + 0x242070db) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + ((c & d) | (~c & a)) + m[3]! + 0xc1bdceee) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + ((b & c) | (~b & d)) + m[4]! + 0xf57c0faf) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + ((a & b) | (~a & c)) + m[5]! + 0x4787c62a) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + ((d & a) | (~d & b)) + m[6]! + 0xa8304613) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + ((c & d) | (~c & a)) + m[7]! + 0xfd469501) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + ((b & c) | (~b & d)) + m[8]! + 0x698098d8) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + ((a & b) | (~a & c)) + m[9]! + 0x8b44f7af) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + ((d & a) | (~d & b)) + m[10]! + 0xffff5bb1) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + ((c & d) | (~c & a)) + m[11]! + 0x895cd7be) | 0
  b = (((b << 22) | (b >>> 10)) + c) | 0
  a = (a + ((b & c) | (~b & d)) + m[12]! + 0x6b901122) | 0
  a = (((a << 7) | (a >>> 25)) + b) | 0
  d = (d + ((a & b) | (~a & c)) + m[13]! + 0xfd987193) | 0
  d = (((d << 12) | (d >>> 20)) + a) | 0
  c = (c + ((d & a) | (~d & b)) + m[14]! + 0xa679438e) | 0
  c = (((c << 17) | (c >>> 15)) + d) | 0
  b = (b + ((c & d) | (~c & a)) + m[15]! + 0x49b40821) | 0
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
  a = (a + ((b & d) | (c & ~d)) + m[1]! + 0xf61e2562) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + ((a & c) | (b & ~c)) + m[6]! + 0xc040b340) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + ((d & b) | (a & ~b)) + m[11]! + 0x265e5a51) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + ((c & a) | (d & ~a)) + m[0]! + 0xe9b6c7aa) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + ((b & d) | (c & ~d)) + m[5]! + 0xd62f105d) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + ((a & c) | (b & ~c)) + m[10]! + 0x02441453) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + ((d & b) | (a & ~b)) + m[15]! + 0xd8a1e681) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + ((c & a) | (d & ~a)) + m[4]! + 0xe7d3fbc8) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + ((b & d) | (c & ~d)) + m[9]! + 0x21e1cde6) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + ((a & c) | (b & ~c)) + m[14]! + 0xc33707d6) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + ((d & b) | (a & ~b)) + m[3]! + 0xf4d50d87) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + ((c & a) | (d & ~a)) + m[8]! + 0x455a14ed) | 0
  b = (((b << 20) | (b >>> 12)) + c) | 0
  a = (a + ((b & d) | (c & ~d)) + m[13]! + 0xa9e3e905) | 0
  a = (((a << 5) | (a >>> 27)) + b) | 0
  d = (d + ((a & c) | (b & ~c)) + m[2]! + 0xfcefa3f8) | 0
  d = (((d << 9) | (d >>> 23)) + a) | 0
  c = (c + ((d & b) | (a & ~b)) + m[7]! + 0x676f02d9) | 0
  c = (((c << 14) | (c >>> 18)) + d) | 0
  b = (b + ((c & a) | (d & ~a)) + m[12]! + 0x8d2a4c8a) | 0
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
  a = (a + (b ^ c ^ d) + m[5]! + 0xfffa3942) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (a ^ b ^ c) + m[8]! + 0x8771f681) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (d ^ a ^ b) + m[11]! + 0x6d9d6122) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (c ^ d ^ a) + m[14]! + 0xfde5380c) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (b ^ c ^ d) + m[1]! + 0xa4beea44) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (a ^ b ^ c) + m[4]! + 0x4bdecfa9) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (d ^ a ^ b) + m[7]! + 0xf6bb4b60) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (c ^ d ^ a) + m[10]! + 0xbebfbc70) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (b ^ c ^ d) + m[13]! + 0x289b7ec6) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (a ^ b ^ c) + m[0]! + 0xeaa127fa) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (d ^ a ^ b) + m[3]! + 0xd4ef3085) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (c ^ d ^ a) + m[6]! + 0x04881d05) | 0
  b = (((b << 23) | (b >>> 9)) + c) | 0
  a = (a + (b ^ c ^ d) + m[9]! + 0xd9d4d039) | 0
  a = (((a << 4) | (a >>> 28)) + b) | 0
  d = (d + (a ^ b ^ c) + m[12]! + 0xe6db99e5) | 0
  d = (((d << 11) | (d >>> 21)) + a) | 0
  c = (c + (d ^ a ^ b) + m[15]! + 0x1fa27cf8) | 0
  c = (((c << 16) | (c >>> 16)) + d) | 0
  b = (b + (c ^ d ^ a) + m[2]! + 0xc4ac5665) | 0
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
  a = (a + (c ^ (b | ~d)) + m[0]! + 0xf4292244) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (b ^ (a | ~c)) + m[7]! + 0x432aff97) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (a ^ (d | ~b)) + m[14]! + 0xab9423a7) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (d ^ (c | ~a)) + m[5]! + 0xfc93a039) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (c ^ (b | ~d)) + m[12]! + 0x655b59c3) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (b ^ (a | ~c)) + m[3]! + 0x8f0ccc92) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (a ^ (d | ~b)) + m[10]! + 0xffeff47d) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (d ^ (c | ~a)) + m[1]! + 0x85845dd1) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (c ^ (b | ~d)) + m[8]! + 0x6fa87e4f) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (b ^ (a | ~c)) + m[15]! + 0xfe2ce6e0) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (a ^ (d | ~b)) + m[6]! + 0xa3014314) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (d ^ (c | ~a)) + m[13]! + 0x4e0811a1) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  a = (a + (c ^ (b | ~d)) + m[4]! + 0xf7537e82) | 0
  a = (((a << 6) | (a >>> 26)) + b) | 0
  d = (d + (b ^ (a | ~c)) + m[11]! + 0xbd3af235) | 0
  d = (((d << 10) | (d >>> 22)) + a) | 0
  c = (c + (a ^ (d | ~b)) + m[2]! + 0x2ad7d2bb) | 0
  c = (((c << 15) | (c >>> 17)) + d) | 0
  b = (b + (d ^ (c | ~a)) + m[9]! + 0xeb86d391) | 0
  b = (((b << 21) | (b >>> 11)) + c) | 0
  state[0] = a
  state[1] = b
  state[2] = c
  state[3] = d
}
