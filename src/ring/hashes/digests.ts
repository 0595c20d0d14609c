import { crypto } from '../../runtime.ts'
import { type BytesHash, type KeyHash, overBytes } from '../key.ts'

/** The OpenSSL digests, besides md5, that npm's hashring accepts as its `algorithm`. */
const digestNames = [
  'sha1',
  'sha224',
  'sha256',
  'sha384',
  'sha512',
  'sha512-224',
  'sha512-256',
  'sha3-224',
  'sha3-256',
  'sha3-384',
  'sha3-512',
  'blake2b512',
  'blake2s256',
  'ripemd160',
  'sm3',
  'shake128',
  'shake256',
] as const

/** The name of a digest. */
export type DigestName = (typeof digestNames)[number]

/** Returns whether a hash is one of these digests. */
export function isDigest(name: string): name is DigestName {
  return (digestNames as readonly string[]).includes(name)
}

/** Returns the digest of the first `length` bytes. */
export function digestOf(name: DigestName, bytes: Uint8Array, length: number): Buffer {
  return crypto().createHash(name).update(bytes.subarray(0, length)).digest()
}

/** The digests as key hashes: the first four bytes, little-endian, as in hashring. */
export const digests = Object.fromEntries(
  digestNames.map((name) => {
    const hash: BytesHash = (bytes, length) => digestOf(name, bytes, length).readInt32LE(0)
    return [name, () => Object.freeze({ hash: overBytes(hash), bits: 32 })]
  }),
) as Record<DigestName, () => { readonly hash: KeyHash; readonly bits: number }>
