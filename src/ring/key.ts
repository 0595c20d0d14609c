/**
 * A cache key. A string stands for its UTF-8 bytes; use a Uint8Array for keys that are not valid
 * UTF-8.
 */
export type Key = string | Uint8Array

/** Hashes the first `length` bytes to a 32-bit number, signed as in KeyHash. */
export type BytesHash = (bytes: Uint8Array, length: number) => number

/**
 * Hashes a key to a signed 32-bit number. V8 stores these without an allocation, unlike unsigned
 * numbers from 2^31 up. `>>> 0` converts the result.
 */
export type KeyHash = (key: Key) => number

// Keys of up to this many UTF-16 units are encoded into one reused buffer, to allocate nothing.
const SHARED_UNITS = 1024
const LOOPED_UNITS = 64
const sharedBytes = new Uint8Array(SHARED_UNITS * 3)
const encoder = new TextEncoder()

/**
 * Makes a key hash from a hash over bytes. All hashes share one buffer: each is synchronous, so no
 * other can overwrite the bytes it reads.
 */
export function overBytes(hash: BytesHash): KeyHash {
  return (key) => {
    if (typeof key !== 'string') return hash(key, key.length)
    if (key.length > SHARED_UNITS) return hashLong(hash, key)
    return hash(sharedBytes, writeBytes(key))
  }
}

/**
 * Writes the key to the shared buffer. For short ASCII keys a loop is faster than calling Buffer.
 */
function writeBytes(key: string): number {
  const length = key.length
  if (length > LOOPED_UNITS) return encoder.encodeInto(key, sharedBytes).written
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i)
    if (unit > 0x7f) return encoder.encodeInto(key, sharedBytes).written
    sharedBytes[i] = unit
  }
  return length
}

/**
 * Writes an ASCII key to `words`, four characters per word, low byte first, and fills the rest with
 * zeros: short keys are hashed fastest this way. Returns false if the key is not ASCII; some of it
 * may be written by then. The caller must check that the key fits.
 */
export function packAscii(key: string, words: Int32Array): boolean {
  const { length } = key
  const full = length >> 2
  let units = 0
  for (let i = 0; i < full; i++) {
    const first = key.charCodeAt(4 * i)
    const second = key.charCodeAt(4 * i + 1)
    const third = key.charCodeAt(4 * i + 2)
    const fourth = key.charCodeAt(4 * i + 3)
    units |= first | second | third | fourth
    words[i] = first | (second << 8) | (third << 16) | (fourth << 24)
  }
  let last = 0
  for (let i = length - 1; i >= 4 * full; i--) {
    const unit = key.charCodeAt(i)
    units |= unit
    last = (last << 8) | unit
  }
  words[full] = last
  for (let i = full + 1; i < words.length; i++) words[i] = 0
  return units < 0x80
}

function hashLong(hash: BytesHash, key: string): number {
  const bytes = encoder.encode(key)
  return hash(bytes, bytes.length)
}

/** Returns the key's bytes; allocates them for strings. */
export function hashedBytes(key: Key): Uint8Array {
  return typeof key === 'string' ? encoder.encode(key) : key
}

/** Returns the key as text; bytes that are not valid UTF-8 become U+FFFD. */
export function textOf(key: Key): string {
  return typeof key === 'string' ? key : new TextDecoder().decode(key)
}

/** Returns the key with `text` in front: some clients hash a try number with the key. */
export function prefixed(text: string, key: Key): Key {
  if (typeof key === 'string') return text + key
  const head = encoder.encode(text)
  const joined = new Uint8Array(head.length + key.length)
  joined.set(head)
  joined.set(key, head.length)
  return joined
}

/**
 * Returns the part of the key between the first `open` and the first `close` after it, or the whole
 * key if there is no such part or it is empty. This is twemproxy's `hash_tag`, which never tries a
 * later tag.
 */
export function tagged(key: Key, open: string, close: string): Key {
  if (typeof key === 'string') {
    const start = key.indexOf(open)
    const end = start < 0 ? -1 : key.indexOf(close, start + 1)
    return end > start + 1 ? key.slice(start + 1, end) : key
  }
  const start = key.indexOf(open.charCodeAt(0))
  const end = start < 0 ? -1 : key.indexOf(close.charCodeAt(0), start + 1)
  return end > start + 1 ? key.subarray(start + 1, end) : key
}
