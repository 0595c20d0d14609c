import { MintringError } from '../errors.ts'
import { escaped } from '../secrets.ts'

/**
 * A lifetime as memcached takes it: whole seconds; 0 for no expiry; `over` when it has ended
 * already.
 */
export type Lifetime = number | 'over'

/** memcached reads TTLs over 30 days as dates, and dates as signed 32-bit integers. */
const MAX_RELATIVE_SECONDS = 2_592_000
const MAX_DATE_SECONDS = 2_147_483_647

/**
 * Rounds seconds up to a lifetime. None, 0, Infinity and an end after January 2038 never expire;
 * negative seconds are `over`. Throws MINTRING_BAD_TTL for what is not a number.
 */
export function lifetimeOfSeconds(seconds: number | null | undefined): Lifetime {
  if (seconds === undefined || seconds === null || seconds === 0) return 0
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) throw badTtl(seconds)
  if (seconds < 0) return 'over'
  const whole = Math.ceil(seconds)
  return whole + Date.now() / 1000 >= MAX_DATE_SECONDS ? 0 : whole
}

/** Rounds milliseconds up to a lifetime, by the rules of lifetimeOfSeconds(). */
export function lifetimeOfMs(ms: number | null | undefined): Lifetime {
  return lifetimeOfSeconds(typeof ms === 'number' ? ms / 1000 : ms)
}

/** Returns the lifetime until a date in milliseconds; `over` if it is now or in the past. */
export function lifetimeUntil(dateMs: number): Lifetime {
  const leftMs = dateMs - Date.now()
  return leftMs === 0 ? 'over' : lifetimeOfMs(leftMs)
}

/** Converts seconds for meta commands: above 30 days to a date. */
export function lifetimeToExptime(seconds: number): number {
  return seconds <= MAX_RELATIVE_SECONDS ? seconds : Math.floor(Date.now() / 1000) + seconds
}

function badTtl(given: unknown): MintringError {
  const isNumeric = typeof given === 'string' && /^\d+$/.test(given)
  const shown = isNumeric ? `'${given}': write ${given}` : escaped(String(given), 32)
  return new MintringError('MINTRING_BAD_TTL', `A lifetime must be a number, not ${shown}`)
}
