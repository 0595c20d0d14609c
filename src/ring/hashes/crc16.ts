/** Built on first use: few rings use this hash. */
let table: Uint16Array | undefined

function buildTable(): Uint16Array {
  const entries = new Uint16Array(256)
  for (let i = 0; i < 256; i++) {
    let entry = i << 8
    for (let bit = 0; bit < 8; bit++) entry = entry & 0x8000 ? (entry << 1) ^ 0x1021 : entry << 1
    entries[i] = entry
  }
  return entries
}

/**
 * twemproxy's `crc16`: CCITT polynomial 0x1021, start value 0. twemproxy never masks its 32-bit
 * accumulator, so the result has up to 32 bits.
 */
export function crc16(bytes: Uint8Array, length: number): number {
  table ??= buildTable()
  let crc = 0
  for (let i = 0; i < length; i++) crc = (crc << 8) ^ table[((crc >>> 8) ^ bytes[i]!) & 0xff]!
  return crc
}
