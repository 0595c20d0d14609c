import { crypto } from '../runtime.ts'
import { MAX_KEY_BYTES } from './limits.ts'

/**
 * The first bytes of mintring's own item names, such as the locks of refills. UTF-8 never contains
 * the byte FF, so no text key of a caller can start with it.
 */
export const RESERVED = '\xff~'
/** The start of the wire key of a second item of a key. */
const BESIDE = `${RESERVED}refill~`
/** A prefix for hashes of long keys, so that no hash can equal the name of a short key. */
const BESIDE_LONG = `${RESERVED}refill-long~`
/**
 * The item beside a key that serves as its lease, if the key itself must not have a placeholder.
 */
export const LOCK = 'lock'

/**
 * Returns the key of a second item that belongs to a key, such as its lock. It starts with a byte
 * that UTF-8 never contains, so it cannot equal a caller's key or a URL. A result that would be too
 * long contains the hash of the key instead.
 */
export function besideKey(wireKey: string, what: string): string {
  const name = `${BESIDE}${what}~${wireKey}`
  if (name.length <= MAX_KEY_BYTES) return name
  const digest = crypto().createHash('sha256').update(wireKey, 'latin1').digest('base64url')
  return `${BESIDE_LONG}${what}~${digest}`
}

/** Returns the key of the item that a second item belongs to; undefined for other items. */
export function mainKeyOf(wireKey: string): string | undefined {
  if (!wireKey.startsWith(BESIDE)) return undefined
  return wireKey.slice(wireKey.indexOf('~', BESIDE.length) + 1)
}
