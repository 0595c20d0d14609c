import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import { mainKeyOf, RESERVED } from '../protocol/own-key.ts'
import { crypto } from '../runtime.ts'

/** The start of a tag's wire key. */
const TAG = `${RESERVED}tag~`
/** The start of its route key, so that a tag need not share the host of a key of the same name. */
export const TAG_ROUTE = '~tag~'
/** Matches names that are valid within a key. No hash of another name matches. */
const PLAIN = /^[!-}][!-~]*$/

/** Returns where the name begins in the key of a tag or of a second item; 0 for other keys. */
export function nameStart(wireKey: string): number {
  if (isTagKey(wireKey)) return TAG.length
  return wireKey.length - (mainKeyOf(wireKey) ?? wireKey).length
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
