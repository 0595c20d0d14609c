import { createHash } from 'node:crypto'
import type { KeyMapping } from '../../client/keys.ts'
import { MintringError } from '../../errors.ts'
import type { Address } from './address.ts'

const MAX_KEY_BYTES = 250
/** nginx escapes these in a memcached key (`ngx_escape_uri`, NGX_ESCAPE_MEMCACHED). */
const ESCAPED = /[\0-\x20%]/g

/**
 * Maps addresses to the keys of `set $memcached_key "<prefix>$host$request_uri"`. nginx hashes this
 * key as written but sends it escaped, so the ring hashes the plain key and memcached has the
 * escaped one.
 */
export function plainKeys(prefix: string): KeyMapping {
  return {
    wireKey: (address) => {
      const wireKey = escaped(prefix + address)
      if (wireKey.length <= MAX_KEY_BYTES) return wireKey
      throw new MintringError('MINTRING_BAD_KEY', `The key is over ${MAX_KEY_BYTES} bytes`)
    },
    routeKey: (address) => prefix + address,
  }
}

/**
 * Maps addresses to the keys of `set $memcached_key "<prefix>$md5"`, the MD5 of
 * `$host$request_uri`.
 */
export function md5Keys(prefix: string): KeyMapping {
  const keyOf = (address: Address): string =>
    prefix + createHash('md5').update(address).digest('hex')
  return { wireKey: (address) => escaped(keyOf(address)), routeKey: keyOf }
}

function escaped(key: string): string {
  return Buffer.from(key).toString('latin1').replace(ESCAPED, percent)
}

function percent(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
