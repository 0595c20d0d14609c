import { isTagged } from '../../refill/stamp.ts'
import { withoutTail } from '../../refill/tags/tail.ts'

/** A value ready to be sent. A string body has ASCII characters only. */
export interface Encoded {
  /** The bytes, or a text of ASCII characters. */
  readonly body: string | Uint8Array
  /** The item's client flags: what tells a reader how to decode the body. */
  readonly flags: number
}

/** A body as it was read: a reply of the parser, or bytes put together by the client. */
export interface Body {
  /** The length in bytes. */
  readonly size: number
  /** The bytes as UTF-8. */
  valueString(): string
  /** The bytes in a buffer the caller may keep. */
  valueBuffer(): Buffer
}

/**
 * Values to bodies with flags, and back. Both ways answer at once unless compression, chunks or a
 * user's serializer make them wait.
 */
export interface Codec {
  /** Throws or rejects with MINTRING_BAD_VALUE for what cannot be stored. */
  encode(value: unknown): Encoded | Promise<Encoded>
  /**
   * Answers `undefined` for what is not a value: the placeholder of a refill.
   * Throws or rejects with MINTRING_BAD_VALUE for what cannot be read.
   */
  decode(flags: number, body: Body): unknown
  /**
   * The bytes of a value as they were stored, decompressed where the flags say so. Answers and
   * rejects as decode() does. Without it they are the body's.
   */
  bytes?(flags: number, body: Body): Buffer | undefined | Promise<Buffer | undefined>
}

/** Reads the values of another codec as bytes. */
export class BytesCodec implements Codec {
  readonly #codec: Codec

  constructor(codec: Codec) {
    this.#codec = codec
  }

  encode(value: unknown): Encoded | Promise<Encoded> {
    return this.#codec.encode(value)
  }

  decode(flags: number, body: Body): unknown {
    return bytesOf(this.#codec, flags, body)
  }
}

/** Reads the values of another codec, and adds up their bytes as they came: for what is traced. */
export class MeasuredCodec implements Codec {
  /** Bytes of the values that were read. */
  size = 0
  readonly #codec: Codec

  constructor(codec: Codec) {
    this.#codec = codec
  }

  encode(value: unknown): Encoded | Promise<Encoded> {
    return this.#codec.encode(value)
  }

  decode(flags: number, body: Body): unknown {
    this.size += body.size
    return this.#codec.decode(flags, body)
  }
}

/** The bytes of a value; those of the body where the codec has no way of its own. */
export function bytesOf(
  codec: Codec,
  flags: number,
  body: Body,
): Buffer | undefined | Promise<Buffer | undefined> {
  return codec.bytes === undefined ? body.valueBuffer() : codec.bytes(flags, body)
}

/** Bytes that did not come straight from a reply: decompressed, or put together from chunks. */
export class BufferBody implements Body {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  valueString(): string {
    return this.#bytes.toString('utf8')
  }

  valueBuffer(): Buffer {
    return this.#bytes
  }
}

/** The beginning of a reply: what follows it is no part of the value. */
export class PartBody implements Body {
  readonly #data: Buffer
  readonly #start: number
  readonly size: number

  constructor(data: Buffer, start: number, size: number) {
    this.#data = data
    this.#start = start
    this.size = size
  }

  valueString(): string {
    return this.#data.toString('utf8', this.#start, this.#start + this.size)
  }

  valueBuffer(): Buffer {
    return Buffer.from(this.#data.subarray(this.#start, this.#start + this.size))
  }
}

/** The bytes of the value alone: a tagged item has more. Throws MINTRING_BAD_VALUE. */
export function ownBody(flags: number, body: Body): Body {
  return isTagged(flags) ? new BufferBody(withoutTail(body.valueBuffer())) : body
}
