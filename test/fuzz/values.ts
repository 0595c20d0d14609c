import { Dice } from './dice.ts'

/** `small` fits anywhere, `compressed` is worth compressing, `split` needs several items. */
export type ValueKind = 'small' | 'compressed' | 'split'

/** Client settings under which each kind of value is really small, compressed or split. */
export const VALUE_BEHAVIORS = {
  maxItemBytes: 4_096,
  largeValues: 'split',
  compressAboveBytes: 1_000,
} as const

/** Text that stays larger than an item when it is compressed, without line breaks. */
const NOISE = noise(60_000)

/** A value that contains its key, its version and its length. */
export function writeValue(key: string, version: number, kind: ValueKind): string {
  return `${key}|${version}|${kind}|${filler(version, kind)}`
}

/** The version of a value, or undefined when it is not a complete value of that key. */
export function readValue(value: unknown, key: string, kind: ValueKind): number | undefined {
  if (typeof value !== 'string' || !value.startsWith(`${key}|`)) return undefined
  const version = Number(value.split('|', 2)[1])
  if (!Number.isSafeInteger(version)) return undefined
  return value === writeValue(key, version, kind) ? version : undefined
}

function filler(version: number, kind: ValueKind): string {
  const length = (version * 7_919) % 997
  if (kind === 'compressed') return 'compressible '.repeat(150 + (length % 100))
  if (kind === 'small') return NOISE.slice(length, length + 20 + (length % 700))
  return NOISE.slice(length, length + 8_000 + length * 4)
}

function noise(bytes: number): string {
  const dice = new Dice(7)
  const data = Buffer.from(Array.from({ length: bytes }, () => dice.below(256)))
  return data.toString('base64url')
}
