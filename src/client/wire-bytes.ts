import { bytesOfChunks } from './chunks.ts'
import type { Body, Decoder } from './values/codec.ts'

/** Decodes with another codec, and adds up the stored bytes for traces. */
export class MeasuredCodec implements Decoder {
  /** The bytes of all values read so far. */
  size = 0
  readonly #codec: Decoder

  constructor(codec: Decoder) {
    this.#codec = codec
  }

  decode(flags: number, body: Body): unknown {
    this.size += body.size + bytesOfChunks(flags, body.size, () => body.valueString())
    return this.#codec.decode(flags, body)
  }
}

/**
 * Wraps the codec of a read, once, to measure the value, whose size is known only while it is
 * decoded. Returns the request.
 */
export function measured<Read extends { context: unknown }>(request: Read): Read {
  const { context } = request
  const { decode } = Object(context) as Partial<Decoder>
  const isRead = typeof decode === 'function' && !(context instanceof MeasuredCodec)
  if (isRead) request.context = new MeasuredCodec(context as Decoder)
  return request
}

/** Returns how many bytes a value takes on the wire, those of its chunks included. */
export function bytesWritten(body: string | Uint8Array, flags: number): number {
  return body.length + bytesOfChunks(flags, body.length, () => textOf(body))
}

function textOf(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
}
