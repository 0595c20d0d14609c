import type { Body, Codec, Encoded } from '../codec.ts'
import { fromJson, toJson } from '../json.ts'
import { bytesIn, textBody } from '../text.ts'

/**
 * The client flags of the npm package `memcached` (2.2.2, lib/memcached.js), and one of our own for
 * the empty text, which would otherwise look like a refill's placeholder. That package reads it as
 * text too.
 */
const Flag = { Text: 0, Json: 2, Binary: 4, Number: 8, EmptyText: 16 } as const

/**
 * Encodes and decodes values as the npm package `memcached` does: it writes a backslash before
 * every CR and LF, and Buffers as the UTF-8 of their latin1 characters. Like that package, it
 * neither writes nor reads compressed values.
 */
export class NpmMemcachedCodec implements Codec {
  encode(value: unknown): Encoded {
    if (value === '') return { body: '', flags: Flag.EmptyText }
    if (typeof value === 'string') return escaped(value, Flag.Text)
    if (typeof value === 'number') return { body: String(value), flags: Flag.Number }
    const bytes = bytesIn(value)
    if (bytes !== undefined) return escaped(Buffer.from(bytes).toString('latin1'), Flag.Binary)
    return escaped(toJson(value), Flag.Json)
  }

  decode(flags: number, body: Body): unknown {
    // An empty body without flags is also a refill's placeholder.
    if (flags === 0 && body.size === 0) return undefined
    const text = body.valueString().replace(/\\(\r|\n)/g, '$1')
    switch (flags) {
      case Flag.Json:
        return fromJson(text)
      case Flag.Number:
        return Number(text)
      case Flag.Binary:
        return Buffer.from(text, 'latin1')
      default:
        return text
    }
  }
}

function escaped(text: string, flags: number): Encoded {
  return { body: textBody(text.replace(/(\r|\n)/g, '\\$1')), flags }
}
