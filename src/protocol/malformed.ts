import { MintringError } from '../errors.ts'

const SEEN_BYTES = 48

/**
 * Returns bytes as a short printable text: escapes control and non-ASCII bytes, cuts at 48 bytes.
 */
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
 * Creates the error for bytes that violate the protocol. `offset` counts from the first byte that
 * the parser got. The message shows bytes of the line only; of a value, only the one wrong byte
 * after it.
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
