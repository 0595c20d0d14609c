/**
 * Stores extra bytes in the header of a gzip file, in its "extra field" (RFC 1952, 2.3.1), which
 * every reader skips. So a page and its metadata are one item, which nginx and browsers accept.
 */

const HEADER_BYTES = 10
const FLAGS_AT = 3
const HAS_EXTRA = 4
/** The id of our subfield: two letters that RFC 1952 has not assigned. */
const SUBFIELD = Buffer.from('mR')
/** The bytes before our data: the length of the extra field, and our subfield's id and length. */
const FRAME_BYTES = 6

/** Whether the bytes start as gzip files do. */
export function looksGzipped(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** Whether withExtra() can extend a gzip file: its header has no optional fields yet. */
export function takesExtra(gzip: Buffer): boolean {
  return gzip.length > HEADER_BYTES && gzip[FLAGS_AT] === 0
}

/** Returns the gzip file with up to 65,531 extra bytes in its header. */
export function withExtra(gzip: Buffer, extra: Buffer): Buffer {
  const header = Buffer.from(gzip.subarray(0, HEADER_BYTES))
  header[FLAGS_AT] = HAS_EXTRA
  const frame = Buffer.alloc(FRAME_BYTES)
  frame.writeUInt16LE(extra.length + SUBFIELD.length + 2, 0)
  SUBFIELD.copy(frame, 2)
  frame.writeUInt16LE(extra.length, 4)
  return Buffer.concat([header, frame, extra, gzip.subarray(HEADER_BYTES)])
}

/** Undoes withExtra(); `extra` is undefined for a file without our subfield. */
export function withoutExtra(bytes: Buffer): { gzip: Buffer; extra: Buffer | undefined } {
  const start = HEADER_BYTES + FRAME_BYTES
  const isOurs =
    bytes.length > start &&
    bytes[FLAGS_AT] === HAS_EXTRA &&
    bytes.subarray(HEADER_BYTES + 2, HEADER_BYTES + 4).equals(SUBFIELD)
  if (!isOurs) return { gzip: bytes, extra: undefined }
  const end = start + bytes.readUInt16LE(HEADER_BYTES + 4)
  const header = Buffer.from(bytes.subarray(0, HEADER_BYTES))
  header[FLAGS_AT] = 0
  return { gzip: Buffer.concat([header, bytes.subarray(end)]), extra: bytes.subarray(start, end) }
}
