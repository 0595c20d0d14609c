/**
 * Paul Hsieh's SuperFastHash as in libhashkit and twemproxy (Debian's libmemcached is built without
 * it). The third byte of a tail is sign-extended.
 */
export function hsieh(bytes: Uint8Array, length: number): number {
  if (length === 0) return 0
  let hash = 0
  let at = 0
  for (; at + 4 <= length; at += 4) {
    hash = (hash + pair(bytes, at)) | 0
    const high = (pair(bytes, at + 2) << 11) ^ hash
    hash = (hash << 16) ^ high
    hash = (hash + (hash >>> 11)) | 0
  }
  return avalanche(tail(hash, bytes, at, length - at))
}

function pair(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

function tail(start: number, bytes: Uint8Array, at: number, rest: number): number {
  let hash = start
  if (rest === 3) {
    hash = (hash + pair(bytes, at)) | 0
    hash ^= hash << 16
    hash ^= ((bytes[at + 2]! << 24) >> 24) << 18
    return (hash + (hash >>> 11)) | 0
  }
  if (rest === 2) {
    hash = (hash + pair(bytes, at)) | 0
    hash ^= hash << 11
    return (hash + (hash >>> 17)) | 0
  }
  if (rest === 1) {
    hash = (hash + bytes[at]!) | 0
    hash ^= hash << 10
    return (hash + (hash >>> 1)) | 0
  }
  return hash
}

function avalanche(start: number): number {
  let hash = start
  hash ^= hash << 3
  hash = (hash + (hash >>> 5)) | 0
  hash ^= hash << 4
  hash = (hash + (hash >>> 17)) | 0
  hash ^= hash << 25
  return (hash + (hash >>> 6)) | 0
}
