import type { Encoded, Item } from './store.ts'

/** The client flag that says: the body starts with an envelope. See docs/values.md. */
export const ENVELOPE_FLAG = 256
/** Magic, version, kind, and the unix time in seconds at which the value becomes stale. */
export const ENVELOPE_BYTES = 8

const MAGIC = 0x4d52 // "MR"
const VERSION = 1

/** What an enveloped body is. */
export const EnvelopeKind = {
  Value: 0,
  /** Somebody loads the value; the body is what tells who. */
  Placeholder: 1,
  /** A value that was invalidated, at the time the envelope tells. */
  Invalidated: 2,
} as const

export type EnvelopeKind = (typeof EnvelopeKind)[keyof typeof EnvelopeKind]

export interface Envelope {
  readonly kind: EnvelopeKind
  readonly staleAtUnixSeconds: number
}

/** Puts an envelope around a value: classic commands do not tell how long an item has left. */
export function enclose(encoded: Encoded, envelope: Envelope): Encoded {
  const { body, flags } = encoded
  const bytes = Buffer.allocUnsafe(ENVELOPE_BYTES + body.length)
  bytes.writeUInt16BE(MAGIC, 0)
  bytes[2] = VERSION
  bytes[3] = envelope.kind
  bytes.writeUInt32BE(envelope.staleAtUnixSeconds, 4)
  if (typeof body === 'string') bytes.write(body, ENVELOPE_BYTES, 'latin1')
  else bytes.set(body, ENVELOPE_BYTES)
  return { body: bytes, flags: flags | ENVELOPE_FLAG }
}

/** The envelope of an item, or undefined when it has none: another client wrote it. */
export function envelopeOf(item: Item): Envelope | undefined {
  if ((item.flags & ENVELOPE_FLAG) === 0 || item.size < ENVELOPE_BYTES) return undefined
  const bytes = Buffer.from(item.head(ENVELOPE_BYTES))
  if (bytes.readUInt16BE(0) !== MAGIC || bytes[2] !== VERSION) return undefined
  return { kind: bytes[3] as EnvelopeKind, staleAtUnixSeconds: bytes.readUInt32BE(4) }
}

/** The value inside an envelope, as it was encoded. */
export function enclosed(item: Item): Encoded {
  const body = Uint8Array.from(item.head(item.size).subarray(ENVELOPE_BYTES))
  return { body, flags: item.flags & ~ENVELOPE_FLAG }
}
