import { types } from 'node:util'
import type { Body, Codec, Encoded } from '../../client/values/codec.ts'
import { NpmMemcachedCodec } from '../../client/values/dialects/npm-memcached.ts'
import { textBody } from '../../client/values/text.ts'

/** The flags of the npm package `memcached`, and mintring's own for the empty text. */
const Flag = { Text: 0, Json: 2, Binary: 4, Number: 8, EmptyText: 16 } as const

/** A value as it is stored: its text, and the flags that tell what it was. */
export interface NpmValue {
  readonly text: string
  readonly flags: number
}

/**
 * A value as that package stores it, which for objects is what JSON.stringify makes of them.
 * Throws a TypeError for what it makes nothing of: undefined, functions, circles, bigints.
 */
export function storedFormOf(value: unknown): NpmValue {
  if (value === '') return { text: '', flags: Flag.EmptyText }
  if (typeof value === 'string') return { text: escaped(value), flags: Flag.Text }
  if (typeof value === 'number') return { text: String(value), flags: Flag.Number }
  if (types.isUint8Array(value)) {
    return { text: escaped(Buffer.from(value).toString('latin1')), flags: Flag.Binary }
  }
  const json: string | undefined = JSON.stringify(value)
  if (json === undefined) throw new TypeError(`A value of type ${typeof value} cannot be stored`)
  return { text: escaped(json), flags: Flag.Json }
}

function escaped(text: string): string {
  return text.replace(/(\r|\n)/g, '\\$1')
}

const reader = new NpmMemcachedCodec()

/** Takes values in their stored form, and reads them as that package does. */
export const storedForms: Codec = {
  encode: (value): Encoded => {
    const { text, flags } = value as NpmValue
    return { body: textBody(text), flags }
  },
  decode: (flags: number, body: Body): unknown => reader.decode(flags, body),
}
