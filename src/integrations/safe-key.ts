import { createHash } from 'node:crypto'

/** memcached's own limit on a key, in bytes, prefix included. */
const MAX_KEY_BYTES = 250
/** What keys of our own making start with. Callers' keys that start so are digested. */
const OWN_MARK = '#'
const DIGEST_MARK = `${OWN_MARK}sha256:`
const GENERATION_MARK = `${OWN_MARK}generation:`

/**
 * A key memcached can carry, for hosts that hand over any string: sessions, Keyv and frameworks use
 * spaces, line feeds and whole URLs as keys. A legal key stays readable as it is; any other becomes
 * `#sha256:` and the base64url SHA-256 of its UTF-8 bytes, so that two keys meet only if SHA-256
 * collides. `clientPrefix` is the client's `keyPrefix`, which shares the 250 bytes.
 */
export function safeKey(key: string, clientPrefix: string): string {
  const room = MAX_KEY_BYTES - Buffer.byteLength(clientPrefix)
  if (isLegal(key, room) && !key.startsWith(OWN_MARK)) return key
  return DIGEST_MARK + createHash('sha256').update(key, 'utf8').digest('base64url')
}

/** Where the generation of a scope is kept: a key that no caller's key can be. */
export function generationKey(scope: string, clientPrefix: string): string {
  return GENERATION_MARK + safeKey(scope, clientPrefix + GENERATION_MARK)
}

function isLegal(key: string, room: number): boolean {
  if (key === '' || Buffer.byteLength(key) > room) return false
  // UTF-8 has no bytes for half a surrogate pair.
  if (/\p{Surrogate}/u.test(key)) return false
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f) return false
  }
  return true
}
