import { isConfirmed, Stamp } from '../../refill/paths/stamp.ts'
import type { Body, Codec, Encoded } from './codec.ts'
import { BufferBody, ownBody } from './codec.ts'
import type { Compression } from './compress.ts'
import { compress, decompress } from './compress.ts'
import { badValue, describe, fromJson, toJson } from './json.ts'
import { bytesIn, isAscii, isThenable, isWellFormed, textBody, textBytes } from './text.ts'

/** The bits of mintring's client flags; docs/values.md documents them for other clients. */
export const ValueFlag = {
  /** The bit is set in the flags of every value that mintring wrote. */
  Written: 1,
  /** The body is gzip; nginx tests this bit with `memcached_gzip_flag 2`. */
  Gzip: 2,
  Brotli: 32,
  Zstd: 64,
  /** The body is the manifest of a value split into chunks. */
  Manifest: 128,
} as const

/** The type of a body, in bits 2 to 4. */
const Type = {
  Text: 0,
  Bytes: 1,
  Json: 2,
  Number: 3,
  Bigint: 4,
  Boolean: 5,
  Null: 6,
  Serialized: 7,
} as const

/**
 * Both bits mark a page of `mintring/page`; a value has at most one of them. Visitors choose the
 * keys of pages, so a read of a page must never return a value.
 */
const PAGE = ValueFlag.Brotli | ValueFlag.Zstd
const COMPRESSED = ValueFlag.Gzip | ValueFlag.Brotli | ValueFlag.Zstd
/** Bits of bodies that need an asynchronous step: they are compressed or split. */
const FOLDED = COMPRESSED | ValueFlag.Manifest
/** Of these bits, most values have only the first: their body is the value as it was encoded. */
const PLAIN_BITS = ValueFlag.Written | FOLDED | Stamp.Unconfirmed
const COMPRESSION_FLAGS: Readonly<Record<Compression, number>> = {
  gzip: ValueFlag.Gzip,
  brotli: ValueFlag.Brotli,
  zstd: ValueFlag.Zstd,
}

/** Encodes and decodes values that are neither strings, bytes nor other primitives. */
export interface ValueSerializer {
  serialize(value: unknown): string | Uint8Array | Promise<string | Uint8Array>
  deserialize(body: Buffer): unknown
}

/** Reads the chunks of split values. */
export interface ChunkReader {
  /** Returns the body of a manifest, or undefined when a chunk is missing. */
  read(manifest: string): Promise<Buffer | undefined>
}

/** The settings that determine how values are encoded. */
export interface ValueSettings {
  /** The custom serializer; undefined for JSON. */
  readonly serializer: ValueSerializer | undefined
  /** Bodies with more bytes are compressed; undefined disables compression. */
  readonly compressAboveBytes: number | undefined
  readonly compression: Compression
  /** The maximum decompressed size of a body. */
  readonly maxDecompressedBytes: number
  readonly chunks: ChunkReader
}

/**
 * Encodes and decodes values with mintring's own flags. Strings, numbers and bytes need no promise.
 */
export class MintringCodec implements Codec {
  readonly #settings: ValueSettings
  readonly #compressAbove: number

  constructor(settings: ValueSettings) {
    this.#settings = settings
    this.#compressAbove = settings.compressAboveBytes ?? Number.POSITIVE_INFINITY
  }

  encode(value: unknown): Encoded | Promise<Encoded> {
    const encoded = this.#encodePlain(value)
    if (encoded instanceof Promise) return encoded.then((plain) => this.#finish(plain))
    return this.#finish(encoded)
  }

  decode(flags: number, body: Body): unknown {
    if ((flags & PLAIN_BITS) === ValueFlag.Written) return this.#decodePlain(flags, body)
    if ((flags & ValueFlag.Written) === 0) return decodeForeign(body)
    if (!isConfirmed(flags)) return undefined
    const own = ownBody(flags, body)
    if ((flags & FOLDED) === 0) return this.#decodePlain(flags, own)
    return this.#unfold(flags, own).then((bytes) =>
      bytes === undefined ? undefined : this.#decodePlain(flags, new BufferBody(bytes)),
    )
  }

  bytes(flags: number, body: Body): Buffer | undefined | Promise<Buffer | undefined> {
    if ((flags & ValueFlag.Written) === 0) return body.size > 0 ? body.valueBuffer() : undefined
    if (!isConfirmed(flags)) return undefined
    const own = ownBody(flags, body)
    return (flags & FOLDED) === 0 ? own.valueBuffer() : this.#unfold(flags, own)
  }

  #encodePlain(value: unknown): Encoded | Promise<Encoded> {
    switch (typeof value) {
      case 'string':
        return encodeText(value)
      case 'number':
        return typed(Type.Number, Object.is(value, -0) ? '-0' : String(value))
      case 'bigint':
        return typed(Type.Bigint, String(value))
      case 'boolean':
        return typed(Type.Boolean, value ? '1' : '0')
      default:
        if (value === null) return typed(Type.Null, '')
        return this.#encodeObject(value)
    }
  }

  #encodeObject(value: unknown): Encoded | Promise<Encoded> {
    const bytes = bytesIn(value)
    return bytes === undefined ? this.#serialize(value) : typed(Type.Bytes, bytes)
  }

  #serialize(value: unknown): Encoded | Promise<Encoded> {
    const { serializer } = this.#settings
    if (serializer === undefined) return json(value)
    const failed = (error: unknown): never => {
      throw badValue(`the serializer could not encode ${describe(value)}`, error)
    }
    try {
      const body = serializer.serialize(value)
      if (isThenable(body)) return Promise.resolve(body).then(serialized, failed)
      return serialized(body)
    } catch (error) {
      return failed(error)
    }
  }

  #finish(encoded: Encoded): Encoded | Promise<Encoded> {
    if (encoded.body.length <= this.#compressAbove) return encoded
    return this.#compressed(encoded)
  }

  async #compressed(encoded: Encoded): Promise<Encoded> {
    const { compression } = this.#settings
    const body = await compress(compression, textBytes(encoded.body))
    if (body === undefined) return encoded
    return { body, flags: encoded.flags | COMPRESSION_FLAGS[compression] }
  }

  /** Joins the chunks of a split body and decompresses it; undefined when a chunk is missing. */
  async #unfold(flags: number, body: Body): Promise<Buffer | undefined> {
    const { chunks, maxDecompressedBytes } = this.#settings
    if ((flags & PAGE) === PAGE)
      throw badValue('the key holds a page of mintring/page, not a value')
    const isSplit = (flags & ValueFlag.Manifest) !== 0
    const bytes = isSplit ? await chunks.read(body.valueString()) : body.valueBuffer()
    if (bytes === undefined || (flags & COMPRESSED) === 0) return bytes
    const compression =
      (flags & ValueFlag.Gzip) !== 0 ? 'gzip' : (flags & ValueFlag.Brotli) !== 0 ? 'brotli' : 'zstd'
    return decompress(compression, bytes, maxDecompressedBytes)
  }

  #decodePlain(flags: number, body: Body): unknown {
    switch ((flags >> 2) & 7) {
      case Type.Text:
        return body.valueString()
      case Type.Bytes:
        return body.valueBuffer()
      case Type.Json:
        return fromJson(body.valueString())
      case Type.Number:
        return readNumber(body.valueString())
      case Type.Bigint:
        return readBigint(body.valueString())
      case Type.Boolean:
        return readBoolean(body.valueString())
      case Type.Null:
        return null
      default:
        return this.#deserialize(body)
    }
  }

  #deserialize(body: Body): unknown {
    const { serializer } = this.#settings
    if (serializer === undefined) {
      throw badValue('a stored value was written by a serializer, and this client has none')
    }
    const failed = (error: unknown): never => {
      throw badValue('the serializer could not read a stored value', error)
    }
    try {
      const value = serializer.deserialize(body.valueBuffer())
      return isThenable(value) ? Promise.resolve(value).catch(failed) : value
    } catch (error) {
      return failed(error)
    }
  }
}

/** Decodes a value of another client as text; an empty one counts as a refill's placeholder. */
function decodeForeign(body: Body): string | undefined {
  return body.size === 0 ? undefined : body.valueString()
}

/** Parses a bigint; memcached pads a number that became shorter with spaces. */
export function readBigint(text: string): bigint {
  const digits = text.trimEnd()
  if (/^-?\d+$/.test(digits)) return BigInt(digits)
  throw badValue('a stored value is not a whole number, although its flags say so')
}

function readNumber(text: string): number {
  const value = Number(text)
  // Number() reads blank text as 0.
  const isNumber = Number.isNaN(value) ? text === 'NaN' : value !== 0 || text.trim() !== ''
  if (isNumber) return value
  throw badValue('a stored value is not a number, although its flags say so')
}

/** Parses a boolean, which `incr` and `decr` may have changed. */
function readBoolean(text: string): boolean {
  const digits = text.trimEnd()
  if (/^\d+$/.test(digits)) return digits !== '0'
  throw badValue('a stored value is not a boolean, although its flags say so')
}

function typed(type: number, body: string | Uint8Array): Encoded {
  return { body, flags: ValueFlag.Written | (type << 2) }
}

function encodeText(text: string): Encoded {
  if (isAscii(text)) return typed(Type.Text, text)
  // UTF-8 cannot encode a lone surrogate, but JSON can escape it.
  return isWellFormed(text) ? typed(Type.Text, Buffer.from(text, 'utf8')) : json(text)
}

function json(value: unknown): Encoded {
  return typed(Type.Json, textBody(toJson(value)))
}

function serialized(body: string | Uint8Array): Encoded {
  if (typeof body === 'string') return typed(Type.Serialized, textBody(body))
  const bytes = bytesIn(body)
  if (bytes !== undefined) return typed(Type.Serialized, bytes)
  throw badValue(`a serializer must return a string or bytes, not ${describe(body)}`)
}
