import { createHash } from 'node:crypto'

/** memcached's limit on a key in bytes, including the prefix. */
const MAX_KEY_BYTES = 250
/** The first character of our own keys; callers' keys that start with it are hashed. */
const OWN_MARK = '#'
const DIGEST_MARK = `${OWN_MARK}sha256:`
const GENERATION_MARK = `${OWN_MARK}generation:`

/**
 * Returns a key that memcached accepts. Session ids, Keyv keys and frameworks' keys may contain
 * spaces, line feeds or whole URLs. A legal key stays as it is; any other becomes `#sha256:` and
 * the base64url SHA-256 of its UTF-8 bytes, so that two keys collide only if SHA-256 does.
 * `clientPrefix` is the client's `keyPrefix`, which shares the 250 bytes.
 */
export function safeKey(key: string, clientPrefix: string): string {
  const room = MAX_KEY_BYTES - Buffer.byteLength(clientPrefix)
  if (isLegal(key, room) && !key.startsWith(OWN_MARK)) return key
  return DIGEST_MARK + createHash('sha256').update(key, 'utf8').digest('base64url')
}

/** Returns the key of a scope's generation; no caller's key can equal it. */
export function generationKey(scope: string, clientPrefix: string): string {
  return GENERATION_MARK + safeKey(scope, clientPrefix + GENERATION_MARK)
}

function isLegal(key: string, room: number): boolean {
  if (key === '' || Buffer.byteLength(key) > room) return false
  // UTF-8 cannot encode half a surrogate pair.
  if (/\p{Surrogate}/u.test(key)) return false
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f) return false
  }
  return true
}
