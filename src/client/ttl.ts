import { types } from 'node:util'
import { secondsIn } from '../duration.ts'
import { MintringError } from '../errors.ts'
import { toExptime } from '../protocol/exptime.ts'
import { unixMs } from '../runtime.ts'
import { escaped, kindOf } from '../secrets.ts'

/** A time to live: whole seconds (0: no expiry), or a whole number with a unit: `'5m'`. */
export type Ttl = number | `${number}${'s' | 'm' | 'h' | 'd' | 'w'}`

/**
 * Parses a TTL to whole seconds. Throws MINTRING_BAD_TTL for values that memcached would read as
 * something else: negative numbers (expired at once), fractions, NaN, other types.
 */
export function ttlSeconds(ttl: Ttl): number {
  const seconds = typeof ttl === 'string' ? secondsIn(ttl) : ttl
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds
  throw new MintringError(
    'MINTRING_BAD_TTL',
    `A TTL is whole seconds (300), or a whole number with s, m, h, d or w ('5m'), not ${show(ttl)}`,
  )
}

/** Returns the protocol's exptime for a TTL: seconds, or over 30 days a date from now. */
export function exptimeOf(ttl: Ttl): number {
  return toExptime(ttlSeconds(ttl), Math.floor(unixMs() / 1000))
}

/** Does the same as exptimeOf(); an absent TTL means no expiry. */
export function optionalExptime(ttl: Ttl | undefined): number {
  return ttl === undefined ? 0 : exptimeOf(ttl)
}

function show(ttl: unknown): string {
  if (typeof ttl === 'number') {
    return ttl === Infinity ? 'Infinity: write 0 for no expiry' : String(ttl)
  }
  if (typeof ttl === 'bigint') return `a bigint: write ${Number(ttl)}`
  if (typeof ttl !== 'string') {
    if (types.isDate(ttl)) return 'a Date: write the seconds until then'
    const { ttl: inner } = Object(ttl) as { ttl?: unknown }
    return kindOf(ttl) + (typeof inner === 'number' ? `: write ${inner}` : '')
  }
  return /^\d+$/.test(ttl) ? `'${ttl}': write ${ttl}` : `'${escaped(ttl, 32)}'`
}
