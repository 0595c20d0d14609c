import type { Body, Codec, Encoded } from '../codec.ts'
import { BufferBody } from '../codec.ts'
import { compress, decompress } from '../compress.ts'
import { badValue, fromJson, toJson } from '../json.ts'
import type { ValueSettings } from '../mintring.ts'
import { bytesIn, textBody, textBytes, textOrBytes } from '../text.ts'
import { fastlzDecompress } from './fastlz.ts'
import { safeInteger } from './python.ts'

/** The type of a body, in the low four bits (php_memcached.c, MEMC_VAL_IS_*). */
const Type = {
  Text: 0,
  Long: 1,
  Double: 2,
  Boolean: 3,
  Serialized: 4,
  Igbinary: 5,
  Json: 6,
} as const

/** The compression of a body; a little-endian uint32 before it is the decompressed length. */
const Flag = { Compressed: 16, Zlib: 32, FastLz: 64 } as const

const LENGTH_BYTES = 4
const FLOATS: ReadonlyMap<string, number> = new Map([
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
])

/**
 * Encodes and decodes values as PHP's memcached extension does: strings, ints, floats, booleans,
 * null, and arrays if it uses `Memcached::SERIALIZER_JSON`. Reads zlib and FastLZ bodies, and
 * writes zlib. PHP strings are bytes: valid UTF-8 is decoded to text, other bytes to a Buffer.
 * Throws MINTRING_BAD_VALUE for values in PHP's own serialization, igbinary or msgpack.
 */
export class PhpCodec implements Codec {
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
    if ((flags & Flag.Compressed) === 0) return decodePlain(flags, body)
    return this.#unfold(flags, body).then((plain) => decodePlain(flags, new BufferBody(plain)))
  }

  bytes(flags: number, body: Body): Buffer | undefined | Promise<Buffer> {
    if ((flags & Flag.Compressed) !== 0) return this.#unfold(flags, body)
    return isPlaceholder(flags, body) ? undefined : body.valueBuffer()
  }

  async #unfold(flags: number, body: Body): Promise<Buffer> {
    const bytes = body.valueBuffer()
    if (bytes.length < LENGTH_BYTES)
      throw badValue('a stored value is shorter than the length field that PHP writes')
    const { maxDecompressedBytes } = this.#settings
    const packed = bytes.subarray(LENGTH_BYTES)
    return (flags & Flag.FastLz) !== 0
      ? fastlzDecompress(packed, bytes.readUInt32LE(0), maxDecompressedBytes)
      : decompress('zlib', packed, maxDecompressedBytes)
  }
}

function encodePlain(value: unknown): Encoded {
  if (typeof value === 'string') return { body: textBody(value), flags: Type.Text }
  const bytes = bytesIn(value)
  if (bytes !== undefined) return { body: bytes, flags: Type.Text }
  if (typeof value === 'bigint') return encodeLong(value)
  if (typeof value === 'number') return encodeNumber(value)
  if (typeof value === 'boolean') return { body: value ? '1' : '', flags: Type.Boolean }
  if (value === null) return { body: 'N;', flags: Type.Serialized }
  return { body: textBody(toJson(value)), flags: Type.Json }
}

/** Rejects larger integers: PHP would silently clamp them to its maximum. */
function encodeLong(value: bigint): Encoded {
  if (BigInt.asIntN(64, value) === value) return { body: String(value), flags: Type.Long }
  throw badValue('PHP has no int of more than 64 bits: store it as text instead')
}

function encodeNumber(value: number): Encoded {
  if (Object.is(value, -0)) return { body: '-0', flags: Type.Double }
  return { body: String(value), flags: Number.isSafeInteger(value) ? Type.Long : Type.Double }
}

async function compressed(encoded: Encoded): Promise<Encoded> {
  const plain = textBytes(encoded.body)
  const packed = await compress('zlib', plain)
  if (packed === undefined || packed.length + LENGTH_BYTES >= plain.length) return encoded
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(plain.length)
  const flags = encoded.flags | Flag.Compressed | Flag.Zlib
  return { body: Buffer.concat([length, packed]), flags }
}

function decodePlain(flags: number, body: Body): unknown {
  if (isPlaceholder(flags, body)) return undefined
  switch (flags & 15) {
    case Type.Text:
      return textOrBytes(body)
    case Type.Long:
      return safeInteger(body.valueString())
    case Type.Double:
      return readDouble(body.valueString())
    case Type.Boolean:
      return body.valueString() === '1'
    case Type.Json:
      return fromJson(body.valueString())
    case Type.Serialized:
      if (body.valueString() === 'N;') return null
      throw badValue('a stored value is in PHP’s own serialization: use SERIALIZER_JSON there')
    default:
      throw badValue('a stored value is in igbinary or msgpack: use SERIALIZER_JSON in PHP')
  }
}

/** Whether a body is a refill's placeholder. PHP's '' looks the same; a miss is the safe choice. */
function isPlaceholder(flags: number, body: Body): boolean {
  return flags === 0 && body.size === 0
}

function readDouble(text: string): number {
  const number = FLOATS.get(text) ?? Number.parseFloat(text)
  if (Number.isNaN(number) && text !== 'NaN') throw badValue('a stored value is not a PHP float')
  return number
}
