import { types } from 'node:util'
import type { Body, Codec, Encoded } from '../../client/values/codec.ts'
import { NpmMemcachedCodec } from '../../client/values/dialects/npm-memcached.ts'
import { textBody } from '../../client/values/text.ts'

/** The flags of the npm package `memcached`, and mintring's own flag for the empty text. */
const Flag = { Text: 0, Json: 2, Binary: 4, Number: 8, EmptyText: 16 } as const

/** A value in its stored form: its text, and the flags with its original type. */
export interface NpmValue {
  readonly text: string
  readonly flags: number
}

/**
 * Returns the stored form of a value as `memcached` writes it; objects become JSON. Throws a
 * TypeError for what JSON.stringify cannot encode: undefined, functions, cycles, bigints.
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

/** A codec that takes values already in their stored form, and decodes as `memcached` does. */
export const storedForms: Codec = {
  encode: (value): Encoded => {
    const { text, flags } = value as NpmValue
    return { body: textBody(text), flags }
  },
  decode: (flags: number, body: Body): unknown => reader.decode(flags, body),
}
