import { MintringError } from '../errors.ts'

const SEEN_BYTES = 48

/** Bytes as a short printable text: control and non-ASCII bytes escaped, cut at 48 bytes. */
function showBytes(bytes: Buffer, start: number, end: number): string {
  const last = Math.min(end, start + SEEN_BYTES)
  let shown = ''
  for (let i = start; i < last; i++) shown += showByte(bytes[i]!)
  return `"${shown}"${last < end ? '…' : ''}`
}

function showByte(byte: number): string {
  if (byte === 0x0d) return '\\r'
  if (byte === 0x0a) return '\\n'
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
  if (byte > 0x1f && byte < 0x7f) return String.fromCharCode(byte)
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/**
 * The error of bytes that are not the protocol. `offset` counts from the first byte the parser was
 * given. Only bytes of the line are shown, never of a value beyond the byte that is wrong.
 */
export function malformed(
  what: string,
  offset: number,
  bytes: Buffer,
  start: number,
  end: number,
): MintringError {
  const seen = showBytes(bytes, start, end)
  return new MintringError('MINTRING_PROTOCOL', `${what} at byte ${offset}: ${seen}`)
}
