const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const SEXTETS: Int8Array = (() => {
  const table = new Int8Array(256).fill(-1)
  for (let index = 0; index < ALPHABET.length; index++) table[ALPHABET.charCodeAt(index)] = index
  table['='.charCodeAt(0)] = 0
  return table
})()

/**
 * Decodes a base64 key as memcached does: skips characters outside the alphabet, and requires
 * complete groups of four. Returns '' if the key is invalid. Both strings are latin1.
 */
export function decodeBase64Key(encoded: string): string {
  const sextets: number[] = []
  let padding = 0
  let padded = -1
  for (let at = 0; at < encoded.length; at++) {
    const sextet = SEXTETS[encoded.charCodeAt(at) & 255]!
    if (sextet < 0) continue
    sextets.push(sextet)
    if (encoded[at] === '=' && padded < 0) padding++
    if (padding > 0 && padded < 0 && sextets.length % 4 === 0) padded = sextets.length
  }
  if (sextets.length === 0 || sextets.length % 4 !== 0 || padding > 2) return ''
  const end = padded < 0 ? sextets.length : padded
  let key = ''
  for (let at = 0; at < end; at += 4) {
    const [a, b, c, d] = sextets.slice(at, at + 4) as [number, number, number, number]
    const block = (a << 18) | (b << 12) | (c << 6) | d
    key += String.fromCharCode(block >> 16, (block >> 8) & 255, block & 255)
  }
  return padding === 0 ? key : key.slice(0, -padding)
}

/** Encodes the bytes of a key (a latin1 string) as base64. */
export function encodeBase64Key(key: string): string {
  return Buffer.from(key, 'latin1').toString('base64')
}
