import { MintringError } from '../errors.ts'

/**
 * How long a host wants something kept, as memcached can: whole seconds, 0 until it is evicted, or
 * `over` for what must not be there any more.
 */
export type Lifetime = number | 'over'

/** memcached reads times to live over 30 days as dates, and dates as signed 32-bit integers. */
const MAX_RELATIVE_SECONDS = 2_592_000
const MAX_DATE_SECONDS = 2_147_483_647

/**
 * Seconds of a host, rounded up. None, 0, Infinity, and what ends after January 2038, is until the
 * item is evicted; negative is over. Throws MINTRING_BAD_TTL for what is no number.
 */
export function lifetimeOfSeconds(seconds: number | null | undefined): Lifetime {
  if (seconds === undefined || seconds === null || seconds === 0) return 0
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) throw badTtl(seconds)
  if (seconds < 0) return 'over'
  const whole = Math.ceil(seconds)
  return whole + Date.now() / 1000 >= MAX_DATE_SECONDS ? 0 : whole
}

/** The same for milliseconds. */
export function lifetimeOfMs(ms: number | null | undefined): Lifetime {
  return lifetimeOfSeconds(typeof ms === 'number' ? ms / 1000 : ms)
}

/** The same for a date in milliseconds: now is over, not for ever. */
export function lifetimeUntil(dateMs: number): Lifetime {
  const leftMs = dateMs - Date.now()
  return leftMs === 0 ? 'over' : lifetimeOfMs(leftMs)
}

/** Seconds as meta commands take them: over 30 days it is a date. */
export function lifetimeToExptime(seconds: number): number {
  return seconds <= MAX_RELATIVE_SECONDS ? seconds : Math.floor(Date.now() / 1000) + seconds
}

function badTtl(given: unknown): MintringError {
  const shown = String(given).slice(0, 32)
  return new MintringError('MINTRING_BAD_TTL', `A lifetime must be a number, not ${shown}`)
}
