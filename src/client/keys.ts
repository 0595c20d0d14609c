import { MintringError } from '../errors.ts'
import { checkWireKey, toWireKey } from '../protocol/key.ts'
import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import { crypto } from '../runtime.ts'
import { escaped } from '../secrets.ts'

/** The settings that decide what a key looks like on the wire. */
export interface KeySettings {
  /** Put before every key; '' for none. */
  readonly keyPrefix: string
  /** Whether the ring hashes the prefix too. */
  readonly hashWithPrefixKey: boolean
  /** What happens to keys over 250 bytes, prefix included. */
  readonly longKeys: 'reject' | 'hash' | 'md5'
}

/** Callers' keys to what travels and to what the ring hashes. */
export interface KeyMapping {
  /** The key's bytes as they travel, one latin1 character each. Throws MINTRING_BAD_KEY. */
  wireKey(key: string): string
  /** What the ring hashes for a key. */
  routeKey(key: string): string
}

/**
 * What the names of mintring's own items begin with, such as the locks of refills: a byte that is
 * never part of UTF-8, so no key of a caller that is text can be one.
 */
export const RESERVED = '\xff~'

/** Throws MINTRING_BAD_KEY for bytes that name an item of mintring's own. */
export function checkUnreserved(wireKey: string): void {
  if (!wireKey.startsWith(RESERVED)) return
  throw badKey('Keys that begin with the bytes FF 7E are reserved for items of mintring itself')
}

/** What a hashed key starts with, after the prefix. */
const HASH_MARK = '~sha256~'

/**
 * Keys of callers to keys of the wire. memcached takes 250 bytes without space or control bytes; a
 * key that breaks this could cut a command in two, so every verb passes here before any I/O.
 *
 * With `longKeys: 'hash'` a key that is too long becomes `~sha256~` and the base64url SHA-256 of
 * its bytes. Keys that already start with that mark are hashed too, so that no short key can name
 * the place of a long one: two keys meet only if SHA-256 collides.
 *
 * With `longKeys: 'md5'` it becomes the hex MD5 of prefix and key, as in the npm package
 * `memcached`: for fleets that share a cache with it.
 */
export class Keys implements KeyMapping {
  readonly #prefix: string
  readonly #routedPrefix: string
  readonly #longKeys: KeySettings['longKeys']

  /** Throws MINTRING_BAD_KEY for a prefix that no key could follow. */
  constructor(settings: KeySettings) {
    const { keyPrefix } = settings
    if (keyPrefix !== '' && toWireKey(keyPrefix).length > MAX_KEY_BYTES / 2) {
      throw badKey(`The keyPrefix must not be over ${MAX_KEY_BYTES / 2} bytes`)
    }
    this.#prefix = keyPrefix
    this.#routedPrefix = settings.hashWithPrefixKey ? keyPrefix : ''
    this.#longKeys = settings.longKeys
  }

  /** The key's bytes as they travel, one latin1 character each. Throws MINTRING_BAD_KEY. */
  wireKey(key: string): string {
    if (this.#prefix === '' && this.#longKeys === 'reject') return toWireKey(key)
    if (typeof key !== 'string' || key === '') return toWireKey(key)
    if (this.#longKeys === 'md5') return toWireKey(md5IfLong(this.#prefix + key))
    return toWireKey(this.#prefix + (this.#longKeys === 'hash' ? this.#shortened(key) : key))
  }

  /** What the ring hashes for a key: what the caller wrote, with or without the prefix. */
  routeKey(key: string): string {
    return this.#routedPrefix === '' ? key : this.#routedPrefix + key
  }

  #shortened(key: string): string {
    const marked = key.startsWith(HASH_MARK)
    if (!marked && Buffer.byteLength(this.#prefix) + Buffer.byteLength(key) <= MAX_KEY_BYTES) {
      return key
    }
    // Checked first: a key must not become legal by growing longer.
    if (/[\0- \x7f]|\p{Surrogate}/u.test(key)) {
      const problem = 'must not have spaces, control characters or half a surrogate pair'
      throw badKey(`The key '${escaped(key, 40)}' ${problem}`)
    }
    return HASH_MARK + crypto().createHash('sha256').update(key).digest('base64url')
  }
}

/** A mapping of a caller's own: what it makes is checked to be a key, and none of mintring's. */
export class CheckedKeys implements KeyMapping {
  readonly #keys: KeyMapping

  constructor(keys: KeyMapping) {
    this.#keys = keys
  }

  wireKey(key: string): string {
    const wireKey = this.#keys.wireKey(key)
    if (typeof wireKey !== 'string') throw badKey('wireKey() of a view must return a string')
    checkWireKey(wireKey)
    checkUnreserved(wireKey)
    return wireKey
  }

  routeKey(key: string): string {
    return this.#keys.routeKey(key)
  }
}

function md5IfLong(key: string): string {
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  return crypto().createHash('md5').update(key).digest('hex')
}

function badKey(problem: string): MintringError {
  return new MintringError('MINTRING_BAD_KEY', problem)
}
