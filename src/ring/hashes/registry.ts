import { type BytesHash, type KeyHash, overBytes } from '../key.ts'
import { crc16 } from './crc16.ts'
import { crc32, crc32a } from './crc32.ts'
import { digests } from './digests.ts'
import { fnv1ax32, fnv1ax64, fnv1x32, fnv1x64 } from './fnv.ts'
import { hsieh } from './hsieh.ts'
import { jenkins } from './jenkins.ts'
import { md5OfKey } from './md5.ts'
import { murmur } from './murmur.ts'
import { murmur3, murmur3x32 } from './murmur3.ts'
import { oneAtATime } from './one-at-a-time.ts'
import {
  javaHash,
  javaHashAbsolute,
  spyFnv1ax32,
  spyFnv1ax64,
  spyFnv1x32,
  spyFnv1x64,
} from './utf16.ts'
import { loadXxhash, xxhash32, xxhash64 } from './xxhash.ts'

/** A key hash and how many bits it returns. */
export interface HashEntry {
  readonly hash: KeyHash
  /** How many low bits of the result can be set: 32, or 15 for libmemcached's `crc32`. */
  readonly bits: number
}

// Wrapped in functions, so that the bundle loads only the hashes that a ring uses.
const entries = {
  md5: () => text(md5OfKey),
  crc32: () => bytes(crc32, 15),
  crc32a: () => bytes(crc32a),
  crc16: () => bytes(crc16),
  one_at_a_time: () => bytes(oneAtATime),
  fnv1_64: () => text(fnv1x64),
  fnv1a_64: () => text(fnv1ax64),
  fnv1_32: () => text(fnv1x32),
  fnv1a_32: () => text(fnv1ax32),
  murmur: () => bytes(murmur),
  murmur3: () => bytes(murmur3),
  murmur3_32: () => bytes(murmur3x32),
  jenkins: () => bytes(jenkins),
  hsieh: () => bytes(hsieh),
  ...digests,
  xxh32: () => text(xxhash32),
  xxh64: () => text(xxhash64),
  NATIVE_HASH: () => text(javaHash),
  FNV1_64_HASH: () => text(spyFnv1x64),
  FNV1A_64_HASH: () => text(spyFnv1ax64),
  FNV1_32_HASH: () => text(spyFnv1x32),
  FNV1A_32_HASH: () => text(spyFnv1ax32),
  'java-hashCode': () => text(javaHashAbsolute, 32),
} satisfies Record<string, () => HashEntry>

// Other names of the same hashes: libmemcached's `default`, and spymemcached's names.
const aliases = {
  default: 'one_at_a_time',
  KETAMA_HASH: 'md5',
  CRC_HASH: 'crc32',
} as const satisfies Record<string, keyof typeof entries>

/**
 * The names of the key hashes. Hashes of libhashkit (libmemcached, twemproxy) have its names:
 * `crc32` is the 15-bit form, `crc32a` the full one. `sha1` to `shake256` are hashring's.
 * Upper-case names are spymemcached's, `java-hashCode` is memjs's and `murmur3_32` pymemcache's. No
 * other client has `xxh32` and `xxh64`.
 */
export type HashName = keyof typeof entries | keyof typeof aliases

/** All hash names, aliases last. */
export const hashNames: readonly HashName[] = Object.freeze([
  ...(Object.keys(entries) as (keyof typeof entries)[]),
  ...(Object.keys(aliases) as (keyof typeof aliases)[]),
])

function bytes(hash: BytesHash, bits = 32): HashEntry {
  return Object.freeze({ hash: overBytes(hash), bits })
}

function text(hash: KeyHash, bits = 32): HashEntry {
  return Object.freeze({ hash, bits })
}

/** Returns whether `name` is a hash. */
export function isHashName(name: string): name is HashName {
  return Object.hasOwn(entries, name) || Object.hasOwn(aliases, name)
}

/** Returns the hash of that name, after resolving aliases. */
export function hashEntry(name: HashName): HashEntry & { readonly name: HashName } {
  const canonical = name in aliases ? aliases[name as keyof typeof aliases] : name
  return { ...entries[canonical as keyof typeof entries](), name: canonical }
}

/**
 * Resolves when `name` runs at full speed. Only `xxh32` and `xxh64` have to wait, for WebAssembly
 * to compile. Before that they return the same hashes from plain JavaScript.
 */
export async function loadHash(name: HashName): Promise<void> {
  if (name === 'xxh32' || name === 'xxh64') await loadXxhash()
}
