import { isConfirmed } from '../../refill/stamp.ts'
import type { Body, Codec, Encoded } from './codec.ts'
import { BufferBody, ownBody } from './codec.ts'
import type { Compression } from './compress.ts'
import { compress, decompress } from './compress.ts'
import { badValue, describe, fromJson, toJson } from './json.ts'
import { bytesIn, isAscii, isThenable, isWellFormed, textBody, textBytes } from './text.ts'

/** The bits of mintring's client flags; docs/values.md tells them to other clients. */
export const ValueFlag = {
  /** Written by mintring: without it another client wrote the value. */
  Written: 1,
  /** The body is gzip; the bit nginx is told of with `memcached_gzip_flag 2`. */
  Gzip: 2,
  Brotli: 32,
  Zstd: 64,
  /** The body tells where the chunks of a split value are. */
  Manifest: 128,
} as const

/** What a body is, in bits 2 to 4. */
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

/** Pages have both, values at most one: visitors name pages, and values must not be theirs. */
const PAGE = ValueFlag.Brotli | ValueFlag.Zstd
const COMPRESSED = ValueFlag.Gzip | ValueFlag.Brotli | ValueFlag.Zstd
/** The body is not the value's: it is compressed, or elsewhere. */
const FOLDED = COMPRESSED | ValueFlag.Manifest
const COMPRESSION_FLAGS: Readonly<Record<Compression, number>> = {
  gzip: ValueFlag.Gzip,
  brotli: ValueFlag.Brotli,
  zstd: ValueFlag.Zstd,
}

/** Writes and reads values that are neither strings, bytes nor other primitives. */
export interface ValueSerializer {
  serialize(value: unknown): string | Uint8Array | Promise<string | Uint8Array>
  deserialize(body: Buffer): unknown
}

/** Where the chunks of split values are read. */
export interface ChunkReader {
  /** The body a manifest stands for, or undefined when a chunk is missing. */
  read(manifest: string): Promise<Buffer | undefined>
}

/** The settings that decide how values are written. */
export interface ValueSettings {
  /** Undefined is JSON. */
  readonly serializer: ValueSerializer | undefined
  /** Bodies of more bytes are compressed; undefined compresses none. */
  readonly compressAboveBytes: number | undefined
  readonly compression: Compression
  /** The most a compressed body may unfold to. */
  readonly maxDecompressedBytes: number
  readonly chunks: ChunkReader
}

/** mintring's own flags. Strings, numbers and bytes take the short way: nothing waits. */
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
      throw badValue(`the serializer refused ${describe(value)}`, error)
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
    if ((flags & PAGE) === PAGE) throw badValue('a page of mintring/page is stored there')
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
        return Number(body.valueString())
      case Type.Bigint:
        return readBigint(body.valueString())
      case Type.Boolean:
        return body.valueString() === '1'
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

/** A value without our flag is text; an empty one is what a refill leaves while it loads. */
function decodeForeign(body: Body): string | undefined {
  return body.size === 0 ? undefined : body.valueString()
}

/** Decimal digits to a bigint; memcached pads a number that became shorter with spaces. */
export function readBigint(text: string): bigint {
  const digits = text.trimEnd()
  if (/^-?\d+$/.test(digits)) return BigInt(digits)
  throw badValue('a stored value is not a whole number as its flags say')
}

function typed(type: number, body: string | Uint8Array): Encoded {
  return { body, flags: ValueFlag.Written | (type << 2) }
}

function encodeText(text: string): Encoded {
  if (isAscii(text)) return typed(Type.Text, text)
  // A lone surrogate has no UTF-8, but JSON can escape it.
  return isWellFormed(text) ? typed(Type.Text, Buffer.from(text, 'utf8')) : json(text)
}

function json(value: unknown): Encoded {
  return typed(Type.Json, textBody(toJson(value)))
}

function serialized(body: string | Uint8Array): Encoded {
  if (typeof body === 'string') return typed(Type.Serialized, textBody(body))
  const bytes = bytesIn(body)
  if (bytes !== undefined) return typed(Type.Serialized, bytes)
  throw badValue(`a serializer answers a string or bytes, not ${describe(body)}`)
}
