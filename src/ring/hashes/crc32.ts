/** Built on first use: few rings use this hash. */
let table: Uint32Array | undefined

function buildTable(): Uint32Array {
  const entries = new Uint32Array(256)
  for (let i = 0; i < 256; i++) {
    let entry = i
    for (let bit = 0; bit < 8; bit++) entry = entry & 1 ? (entry >>> 1) ^ 0xedb88320 : entry >>> 1
    entries[i] = entry
  }
  return entries
}

/**
 * The standard CRC-32 (IEEE 802.3) in full: twemproxy's `crc32a`; `crc32` in nginx, Dalli and Perl.
 */
export function crc32a(bytes: Uint8Array, length: number): number {
  return crc32Continue(0, bytes, length)
}

/** Continues a CRC-32 over more bytes. `crc` is the CRC of the bytes so far. */
export function crc32Continue(crc: number, bytes: Uint8Array, length: number): number {
  table ??= buildTable()
  let rest = ~crc
  for (let i = 0; i < length; i++) rest = (rest >>> 8) ^ table[(rest ^ bytes[i]!) & 0xff]!
  return ~rest
}

/**
 * Bits 16 to 30 of the CRC-32: what libmemcached and twemproxy call `crc32`, as Perl's
 * Cache::Memcached does.
 */
export function crc32(bytes: Uint8Array, length: number): number {
  return (crc32Continue(0, bytes, length) >>> 16) & 0x7fff
}
