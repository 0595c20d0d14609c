import { isTagged } from '../../refill/paths/stamp.ts'
import { withoutTail } from '../../tags/tail.ts'

/** An encoded value. A string body contains ASCII characters only. */
export interface Encoded {
  /** The encoded value: bytes, or a text of ASCII characters. */
  readonly body: string | Uint8Array
  /** The item's client flags, which tell readers how to decode the body. */
  readonly flags: number
}

/** A stored body: a reply of the parser, or bytes that the client assembled. */
export interface Body {
  /** The length in bytes. */
  readonly size: number
  /** The bytes as UTF-8. */
  valueString(): string
  /** The bytes in a buffer the caller may keep. */
  valueBuffer(): Buffer
}

/**
 * Encodes values to bodies with flags, and decodes them. Both return synchronously, unless
 * compression, chunks or a custom serializer need a promise.
 */
export interface Codec {
  /** Encodes a value. Throws or rejects with MINTRING_BAD_VALUE for what cannot be stored. */
  encode(value: unknown): Encoded | Promise<Encoded>
  /**
   * Decodes a value; returns `undefined` for a refill's placeholder. Throws or rejects with
   * MINTRING_BAD_VALUE for what cannot be decoded.
   */
  decode(flags: number, body: Body): unknown
  /**
   * Returns the stored bytes, decompressed if the flags say so; for a placeholder or invalid bytes
   * it behaves as decode() does. Default: the bytes of the body.
   */
  bytes?(flags: number, body: Body): Buffer | undefined | Promise<Buffer | undefined>
}

/** The part of a codec that reads need. */
export type Decoder = Pick<Codec, 'decode' | 'bytes'>

/** Codec of reads with `{ as: 'buffer' }`: returns values as they were before they were encoded. */
export class BytesCodec implements Decoder {
  readonly #codec: Decoder

  constructor(codec: Decoder) {
    this.#codec = codec
  }

  decode(flags: number, body: Body): unknown {
    return bytesOf(this.#codec, flags, body)
  }
}

/** Returns the bytes of a value; those of the body if the codec has no bytes(). */
export function bytesOf(
  codec: Decoder,
  flags: number,
  body: Body,
): Buffer | undefined | Promise<Buffer | undefined> {
  return codec.bytes === undefined ? body.valueBuffer() : codec.bytes(flags, body)
}

/** A body that is not a reply: it was decompressed, or joined from chunks. */
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

/** Returns the value's own bytes, without the tags that follow. Throws MINTRING_BAD_VALUE. */
export function ownBody(flags: number, body: Body): Body {
  return isTagged(flags) ? new BufferBody(withoutTail(body.valueBuffer())) : body
}
