// Imported: the global one is looked up by a getter each time.
import { Buffer, isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import type { Body } from './codec.ts'

/** Up to this length a loop over the characters beats a call into native code. */
const LOOPED_CHARACTERS = 16

/** A string as a body: itself when it is ASCII, which needs no copy, else its UTF-8 bytes. */
export function textBody(text: string): string | Uint8Array {
  return isAscii(text) ? text : Buffer.from(text, 'utf8')
}

/** Bytes as text where they are UTF-8, else as they are: a text must not lose any. */
export function textOrBytes(body: Body): string | Buffer {
  const text = body.valueString()
  // Only text that has this character may have lost a byte to it.
  if (!text.includes('\uFFFD')) return text
  const bytes = body.valueBuffer()
  return isUtf8(bytes) ? text : bytes
}

/** Whether UTF-8 can carry the string: half a surrogate pair would come back as U+FFFD. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

export function isAscii(text: string): boolean {
  const length = text.length
  if (length > LOOPED_CHARACTERS) return Buffer.byteLength(text) === length
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** A body as bytes, for compression and chunks. */
export function textBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : body
}

/**
 * The bytes of a Uint8Array of any realm; undefined for anything else. Memory that may change its
 * size or its content before it is written is copied: the length told must be the length sent.
 */
export function bytesIn(value: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(value)) return undefined
  const { buffer } = value as { buffer: ArrayBufferLike & { readonly resizable?: boolean } }
  const isSteady = buffer.resizable !== true && !types.isSharedArrayBuffer(buffer)
  return isSteady ? value : Buffer.from(value)
}

/** Whether a value is a promise, or stands for one, of any realm and library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
  )
}
