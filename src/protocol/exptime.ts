import { MintringError } from '../errors.ts'
import { MAX_EXPTIME, MAX_RELATIVE_TTL_SECONDS } from './limits.ts'

/**
 * A time to live as memcached's exptime: 0 is for ever, up to 30 days it is relative, and beyond it
 * is a date, because memcached would read a larger number as one (doc/protocol.txt, "Expiration
 * times"). `nowUnixSeconds` is the clock of the servers, near enough.
 *
 * Throws MINTRING_BAD_TTL for negative, fractional and non-finite numbers, and for dates after
 * January 2038, which memcached cannot hold.
 */
export function toExptime(ttlSeconds: number, nowUnixSeconds: number): number {
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0) {
    throw badTtl(`must be a whole number of seconds from 0, not ${String(ttlSeconds)}`)
  }
  if (ttlSeconds <= MAX_RELATIVE_TTL_SECONDS) return ttlSeconds
  const date = Math.floor(nowUnixSeconds) + ttlSeconds
  if (date > MAX_EXPTIME) throw badTtl(`of ${ttlSeconds} seconds ends after January 2038`)
  return date
}

function badTtl(why: string): MintringError {
  return new MintringError('MINTRING_BAD_TTL', `The time to live ${why}`)
}

/**
 * The exptime of an item that lives for `exptime`, but `maxTtlSeconds` at most; 0 is no limit. An
 * exptime of 0 is for ever, a negative one is over, and a date is later than any relative one.
 */
export function atMostExptime(exptime: number, maxTtlSeconds: number): number {
  if (maxTtlSeconds === 0) return exptime
  return exptime === 0 ? maxTtlSeconds : Math.min(exptime, maxTtlSeconds)
}
