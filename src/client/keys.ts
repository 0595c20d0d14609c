import { MintringError } from '../errors.ts'
import { checkWireKey, toWireKey } from '../protocol/key.ts'
import { MAX_KEY_BYTES } from '../protocol/limits.ts'
import { RESERVED } from '../protocol/own-key.ts'
import { crypto } from '../runtime.ts'
import { escaped } from '../secrets.ts'

/** The settings that determine how keys are sent. */
export interface KeySettings {
  /** The prefix of every key; '' for none. */
  readonly keyPrefix: string
  /** Whether the ring hashes the prefix too. */
  readonly hashWithPrefixKey: boolean
  /** How keys over 250 bytes, including the prefix, are handled. */
  readonly longKeys: 'reject' | 'hash' | 'md5'
}

/** Maps callers' keys to the keys that are sent and that the ring hashes. */
export interface KeyMapping {
  /** Returns the key to send, one latin1 character per byte. Throws MINTRING_BAD_KEY. */
  wireKey(key: string): string
  /** Returns what the ring hashes for a key. */
  routeKey(key: string): string
}

/** Throws MINTRING_BAD_KEY for a key that starts like mintring's own items. */
export function checkUnreserved(wireKey: string): void {
  if (!wireKey.startsWith(RESERVED)) return
  throw badKey("Keys that begin with the bytes FF 7E are reserved for mintring's own items")
}

/** The start of a hashed key, after the prefix. */
export const HASH_MARK = '~sha256~'

/**
 * Converts callers' keys to wire keys. memcached accepts up to 250 bytes without spaces or control
 * characters. A key that breaks this could split a command in two, so every verb checks here before
 * any I/O.
 *
 * With `longKeys: 'hash'` a key that is too long becomes `~sha256~` and the base64url SHA-256 of
 * its bytes. Keys that already start with that mark are hashed too, so that no short key equals the
 * hash of a long one: two keys collide only if SHA-256 does.
 *
 * With `longKeys: 'md5'` it becomes the hex MD5 of prefix and key, as in the npm package
 * `memcached`, for fleets that share a cache with it.
 */
export class Keys implements KeyMapping {
  readonly #prefix: string
  readonly #routedPrefix: string
  readonly #longKeys: KeySettings['longKeys']

  /** Throws MINTRING_BAD_KEY for a prefix that leaves no room for a key or is invalid. */
  constructor(settings: KeySettings) {
    const { keyPrefix } = settings
    if (keyPrefix !== '' && toWireKey(keyPrefix).length > MAX_KEY_BYTES / 2) {
      throw badKey(`The keyPrefix must not be over ${MAX_KEY_BYTES / 2} bytes`)
    }
    this.#prefix = keyPrefix
    this.#routedPrefix = settings.hashWithPrefixKey ? keyPrefix : ''
    this.#longKeys = settings.longKeys
  }

  /** Returns the key to send, one latin1 character per byte. Throws MINTRING_BAD_KEY. */
  wireKey(key: string): string {
    if (this.#prefix === '' && this.#longKeys === 'reject') return toWireKey(key)
    if (typeof key !== 'string' || key === '') return toWireKey(key)
    if (this.#longKeys === 'md5') return toWireKey(md5IfLong(this.#prefix + key))
    return toWireKey(this.#prefix + (this.#longKeys === 'hash' ? this.#shortened(key) : key))
  }

  /** Returns what the ring hashes: the caller's key, with or without the prefix. */
  routeKey(key: string): string {
    return this.#routedPrefix === '' ? key : this.#routedPrefix + key
  }

  #shortened(key: string): string {
    const marked = key.startsWith(HASH_MARK)
    if (!marked && Buffer.byteLength(this.#prefix) + Buffer.byteLength(key) <= MAX_KEY_BYTES) {
      return key
    }
    // Check before hashing: hashing must not make an invalid key valid.
    if (/[\0- \x7f]|\p{Surrogate}/u.test(key)) {
      const problem = 'must not have spaces, control characters or half a surrogate pair'
      throw badKey(`The key '${escaped(key, 40)}' ${problem}`)
    }
    return HASH_MARK + crypto().createHash('sha256').update(key).digest('base64url')
  }
}

/** Wraps the key mapping of a view: checks that its wire keys are valid and not reserved. */
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

/**
 * Puts a prefix in front of keys, and maps the result as its client does with the current settings.
 */
export class PrefixedKeys implements KeyMapping {
  readonly #client: { readonly keys: KeyMapping }
  readonly #prefix: string

  /** Throws MINTRING_BAD_KEY for a prefix that is invalid in a key. */
  constructor(client: { readonly keys: KeyMapping }, prefix: string) {
    client.keys.wireKey(prefix)
    this.#client = client
    this.#prefix = prefix
  }

  wireKey(key: string): string {
    return this.#client.keys.wireKey(withPrefix(this.#prefix, key))
  }

  routeKey(key: string): string {
    return this.#client.keys.routeKey(this.#prefix + key)
  }
}

/** Puts a prefix in front of a key, but makes no valid key of what is none. */
export function withPrefix(prefix: string, key: string): string {
  return typeof key === 'string' && key !== '' ? prefix + key : key
}

function md5IfLong(key: string): string {
  if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key
  return crypto().createHash('md5').update(key).digest('hex')
}

function badKey(problem: string): MintringError {
  return new MintringError('MINTRING_BAD_KEY', problem)
}
