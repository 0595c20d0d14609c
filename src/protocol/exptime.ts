import { MintringError } from '../errors.ts'
import { MAX_EXPTIME, MAX_RELATIVE_TTL_SECONDS } from './limits.ts'

/**
 * Converts a ttl to memcached's exptime. 0 means no expiry. Up to 30 days the exptime is relative.
 * A longer ttl becomes a Unix time, because memcached reads larger numbers as one
 * (doc/protocol.txt, "Expiration times"). `nowUnixSeconds`: the current time, as on the servers.
 *
 * Throws MINTRING_BAD_TTL for negative, fractional and non-finite numbers, and for an expiry after
 * January 2038, which memcached cannot store.
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
 * Returns the exptime, or `maxTtlSeconds` if that is shorter; a limit of 0 means none. Under a
 * limit, 0 (no expiry) and Unix times become the limit; a negative exptime (expired) stays.
 */
export function atMostExptime(exptime: number, maxTtlSeconds: number): number {
  if (maxTtlSeconds === 0) return exptime
  return exptime === 0 ? maxTtlSeconds : Math.min(exptime, maxTtlSeconds)
}
