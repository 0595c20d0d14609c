import type { Body, Codec, Encoded } from '../codec.ts'
import { BufferBody } from '../codec.ts'
import { compress, decompress } from '../compress.ts'
import { badValue, describe } from '../json.ts'
import type { ValueSettings } from '../mintring.ts'
import { readBigint } from '../mintring.ts'
import { bytesIn, bytesOf, textBody } from '../text.ts'

/** The client flags of pylibmc (and python-memcached), as its 1.6.3 writes them. */
const Flag = { Bytes: 0, Pickle: 1, Boolean: 2, Integer: 4, Zlib: 8, Text: 16 } as const

/**
 * Values as pylibmc has them: str, bytes, int, bool and zlib, both ways. Everything else pylibmc
 * pickles, and a pickle is a program: it is neither read nor written (MINTRING_BAD_VALUE).
 * An int outside the safe integers reads as a bigint.
 */
export class PylibmcCodec implements Codec {
  readonly #settings: ValueSettings

  constructor(settings: ValueSettings) {
    this.#settings = settings
  }

  encode(value: unknown): Encoded | Promise<Encoded> {
    const encoded = encodePlain(value)
    const above = this.#settings.compressAboveBytes ?? Number.POSITIVE_INFINITY
    return encoded.body.length <= above ? encoded : compressed(encoded)
  }

  decode(flags: number, body: Body): unknown {
    if ((flags & Flag.Zlib) !== 0) return this.#decodeCompressed(flags, body)
    return decodePlain(flags, body)
  }

  async #decodeCompressed(flags: number, body: Body): Promise<unknown> {
    const { maxDecompressedBytes } = this.#settings
    const bytes = await decompress('zlib', body.valueBuffer(), maxDecompressedBytes)
    return decodePlain(flags & ~Flag.Zlib, new BufferBody(bytes))
  }
}

function encodePlain(value: unknown): Encoded {
  if (typeof value === 'string') return { body: textBody(value), flags: Flag.Text }
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
    return { body: BigInt(value).toString(), flags: Flag.Integer }
  }
  if (typeof value === 'boolean') return { body: value ? '1' : '0', flags: Flag.Boolean }
  const bytes = bytesIn(value)
  if (bytes !== undefined) return { body: bytes, flags: Flag.Bytes }
  throw badValue(`pylibmc would pickle ${describe(value)}: store it as JSON text instead`)
}

async function compressed(encoded: Encoded): Promise<Encoded> {
  const body = await compress('zlib', bytesOf(encoded.body))
  return body === undefined ? encoded : { body, flags: encoded.flags | Flag.Zlib }
}

function decodePlain(flags: number, body: Body): unknown {
  switch (flags) {
    case Flag.Text:
      return body.valueString()
    case Flag.Bytes:
      // Also what a refill leaves while it loads: empty, without flags.
      return body.size === 0 ? undefined : body.valueBuffer()
    case Flag.Integer:
      return safeInteger(body.valueString())
    case Flag.Boolean:
      return body.valueString() === '1'
    case Flag.Pickle:
      throw badValue('a stored value is a Python pickle, which only Python can read')
    default:
      throw badValue(`a stored value has flags that pylibmc does not write (${flags})`)
  }
}

/** A number where that is exact, else a bigint. */
export function safeInteger(text: string): number | bigint {
  const exact = readBigint(text)
  const near = Number(exact)
  return Number.isSafeInteger(near) ? near : exact
}
