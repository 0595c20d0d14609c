// The state of lookup3. One shared state is enough: a hash is synchronous and runs to its end.
let a = 0
let b = 0
let c = 0

/** libhashkit's `jenkins`: Bob Jenkins's lookup3 `hashlittle` with initval 13. */
export function jenkins(bytes: Uint8Array, length: number): number {
  a = b = c = (0xdeadbeef + length + 13) | 0
  let at = 0
  let rest = length
  for (; rest > 12; rest -= 12, at += 12) {
    a = (a + word(bytes, at, 4)) | 0
    b = (b + word(bytes, at + 4, 4)) | 0
    c = (c + word(bytes, at + 8, 4)) | 0
    mix()
  }
  if (rest === 0) return c
  a = (a + word(bytes, at, rest)) | 0
  b = (b + word(bytes, at + 4, rest - 4)) | 0
  c = (c + word(bytes, at + 8, rest - 8)) | 0
  finish()
  return c
}

/** Reads up to four bytes as a little-endian number. */
function word(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count && i < 4; i++) value |= bytes[at + i]! << (8 * i)
  return value
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

function mix(): void {
  a = (a - c) ^ rotate(c, 4)
  c = (c + b) | 0
  b = (b - a) ^ rotate(a, 6)
  a = (a + c) | 0
  c = (c - b) ^ rotate(b, 8)
  b = (b + a) | 0
  a = (a - c) ^ rotate(c, 16)
  c = (c + b) | 0
  b = (b - a) ^ rotate(a, 19)
  a = (a + c) | 0
  c = (c - b) ^ rotate(b, 4)
  b = (b + a) | 0
}

function finish(): void {
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
}
