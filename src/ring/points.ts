import { md5Words } from './hashes/md5.ts'
import { hashedBytes, type KeyHash } from './key.ts'
import type { Member } from './placement.ts'

/** Points per server of average weight in libmemcached's weighted ring. */
export const POINTS_PER_SERVER = 160

const encoder = new TextEncoder()
const labelBytes = new Uint8Array(8192)

/**
 * Calls `visit` with the bytes of `label-0`, `label-1`, … `label-(count - 1)`, in one reused
 * buffer.
 */
export function eachLabel(
  label: string,
  separator: string,
  count: number,
  visit: (bytes: Uint8Array, length: number, i: number) => void,
): void {
  const prefix = hashedBytes(label + separator)
  const bytes =
    prefix.length + 16 > labelBytes.length ? new Uint8Array(prefix.length + 16) : labelBytes
  bytes.set(prefix)
  for (let i = 0; i < count; i++) {
    const digits = encoder.encodeInto(String(i), bytes.subarray(prefix.length)).written
    visit(bytes, prefix.length + digits, i)
  }
}

/** Writes `count` md5 points of `label`: each numbered label yields four. */
export function fillMd5Points(
  label: string,
  count: number,
  out: Uint32Array,
  offset: number,
): void {
  eachLabel(label, '-', count / 4, (bytes, length, i) => {
    md5Words(bytes, length, out, offset + 4 * i)
  })
}

/** Writes one point per numbered label, computed with a key hash. */
export function fillHashedPoints(
  hash: KeyHash,
  label: string,
  count: number,
  out: Uint32Array,
  offset: number,
): void {
  for (let i = 0; i < count; i++) out[offset + i] = hash(`${label}-${i}`)
}

/**
 * Returns how many points a weight earns in libmemcached and twemproxy. Repeats their
 * single-precision arithmetic step by step. In double precision, some servers would get four points
 * more or fewer, and about 1 % of keys another server.
 */
export function libmemcachedPoints(weight: number, total: number, servers: number): number {
  const f = Math.fround
  const share = f(f(weight) / f(total))
  const labels = f(f(f(f(share * POINTS_PER_SERVER) / 4) * f(servers)) + f(1e-10))
  return 4 * Math.floor(labels)
}

/** Returns the sum of all weights. */
export function totalWeight(members: readonly Member[]): number {
  return members.reduce((sum, member) => sum + member.weight, 0)
}
