import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import { crypto } from '../runtime.ts'
import { RESERVED } from './keys.ts'

/** The start of the wire key of a second item of a key. */
const BESIDE = `${RESERVED}refill~`
/** A prefix for hashes of long keys, so that no hash can equal the name of a short key. */
const BESIDE_LONG = `${RESERVED}refill-long~`
/** The start of a tag's wire key. */
const TAG = `${RESERVED}tag~`
/** The start of its route key, so that a tag need not share the host of a key of the same name. */
const TAG_ROUTE = '~tag~'
/** Matches names that are valid within a key. No hash of another name matches. */
const PLAIN = /^[!-}][!-~]*$/

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

/** The keys of a tag's item. */
export interface TagKeys {
  readonly routeKey: string
  readonly wireKey: string
}

/**
 * Returns the keys of a tag. If the name is too long or invalid in a key, both contain its hash,
 * because the wire key alone must tell the tag's host when the servers change.
 */
export function tagKeys(keyPrefix: string, name: string): TagKeys {
  const full = keyPrefix + name
  const isPlain = PLAIN.test(full) && TAG.length + full.length <= MAX_KEY_BYTES
  if (isPlain) return { routeKey: TAG_ROUTE + name, wireKey: TAG + full }
  const hash = `~${crypto().createHash('sha256').update(full).digest('base64url')}`
  return { routeKey: TAG_ROUTE + hash, wireKey: TAG + hash }
}

/** Returns what the ring hashes for a tag's item; undefined for tags of another prefix. */
export function tagRouteOf(wireKey: string, prefix: string): string | undefined {
  const name = wireKey.slice(TAG.length)
  if (name.startsWith('~')) return TAG_ROUTE + name
  return name.startsWith(prefix) ? TAG_ROUTE + name.slice(prefix.length) : undefined
}

export function isTagKey(wireKey: string): boolean {
  return wireKey.startsWith(TAG)
}
