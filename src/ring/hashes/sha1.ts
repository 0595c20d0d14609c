import { createHash } from 'node:crypto'

/** The SHA-1 digest: its first four bytes, big-endian, are a point of Dalli's. */
export function sha1Digest(bytes: Uint8Array, length: number): Buffer {
  return createHash('sha1').update(bytes.subarray(0, length)).digest()
}

/** The first four bytes of the SHA-1, little-endian: hashring with `algorithm: 'sha1'`. */
export function sha1(bytes: Uint8Array, length: number): number {
  return sha1Digest(bytes, length).readInt32LE(0)
}
