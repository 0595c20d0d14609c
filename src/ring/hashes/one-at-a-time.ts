/**
 * Bob Jenkins's one-at-a-time hash as in libhashkit: libmemcached's `default`. Bytes from 0x80 up
 * are sign-extended, as C's `char` is on x86.
 */
export function oneAtATime(bytes: Uint8Array, length: number): number {
  let value = 0
  for (let i = 0; i < length; i++) {
    value = (value + ((bytes[i]! << 24) >> 24)) | 0
    value = (value + (value << 10)) | 0
    value ^= value >>> 6
  }
  value = (value + (value << 3)) | 0
  value ^= value >>> 11
  value = (value + (value << 15)) | 0
  return value
}
