import { MAX_EXPTIME } from '../protocol/limits.ts'

/**
 * A host's TTL in seconds as memcached takes it: whole, rounded up. Undefined is for ever: for no
 * TTL, for 0, and for what ends after January 2038, which memcached cannot hold.
 */
export function wholeSeconds(seconds: number | null | undefined): number | undefined {
  if (seconds === undefined || seconds === null || seconds === 0) return undefined
  const whole = Math.ceil(seconds)
  return whole + Date.now() / 1000 >= MAX_EXPTIME ? undefined : whole
}

/** As wholeSeconds(), for a TTL in milliseconds. */
export function secondsOf(ttlMs: number | null | undefined): number | undefined {
  return wholeSeconds(typeof ttlMs === 'number' ? ttlMs / 1000 : ttlMs)
}
