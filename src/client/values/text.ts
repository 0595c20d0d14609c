// Imported, because the global Buffer is a getter that runs at each use.
import { Buffer, isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import type { Body } from './codec.ts'

/** Up to this length a loop over the characters is faster than a native call. */
const LOOPED_CHARACTERS = 16

/** Returns a string as a body: itself if it is ASCII, which avoids a copy, else its UTF-8 bytes. */
export function textBody(text: string): string | Uint8Array {
  return isAscii(text) ? text : Buffer.from(text, 'utf8')
}

/** Decodes bytes as text if they are valid UTF-8; otherwise returns the bytes unchanged. */
export function textOrBytes(body: Body): string | Buffer {
  const text = body.valueString()
  // Invalid bytes are decoded to this character; text without it lost nothing.
  if (!text.includes('\uFFFD')) return text
  const bytes = body.valueBuffer()
  return isUtf8(bytes) ? text : bytes
}

/** Whether UTF-8 can encode the string; a lone surrogate would be decoded to U+FFFD. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

export function isAscii(text: string): boolean {
  const length = text.length
  if (length > LOOPED_CHARACTERS) return Buffer.byteLength(text) === length
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Returns a body as bytes, for compression and chunks. */
export function textBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body, 'latin1') : body
}

/**
 * Returns the bytes of a Uint8Array of any realm; undefined for anything else. Copies memory that
 * may be resized or changed before it is sent: the announced length must be the length sent.
 */
export function bytesIn(value: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(value)) return undefined
  const { buffer } = value as { buffer: ArrayBufferLike & { readonly resizable?: boolean } }
  const isSteady = buffer.resizable !== true && !types.isSharedArrayBuffer(buffer)
  return isSteady ? value : Buffer.from(value)
}

/** Whether a value is a promise or another thenable, of any realm and library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
  )
}
