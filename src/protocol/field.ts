import { MintringError } from '../errors.ts'
import { MAX_EXPTIME, MAX_UINT64 } from './limits.ts'

/** Returns `value` if it is an integer from 0 to `max`; otherwise throws MINTRING_BAD_ARGUMENT. */
export function uint(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value
  throw badField(name, `an integer from 0 to ${max}`, value)
}

/**
 * Returns `value` if it is an integer from 0 to 2^64-1; otherwise throws MINTRING_BAD_ARGUMENT. A
 * number, unlike a bigint, must be at most 2^53-1 to be exact.
 */
export function uint64(name: string, value: bigint | number): bigint | number {
  if (typeof value === 'bigint') {
    if (value >= 0n && value <= MAX_UINT64) return value
  } else if (Number.isSafeInteger(value) && value >= 0) return value
  throw badField(name, 'a bigint or safe integer from 0 to 2^64-1', value)
}

/**
 * Returns `value` if it is an exptime as `toExptime` returns it, or -1 for "expires at once";
 * otherwise throws MINTRING_BAD_TTL.
 */
export function exptimeField(value: number): number {
  if (Number.isInteger(value) && value >= -1 && value <= MAX_EXPTIME) return value
  const what = `The exptime must be an integer from -1 to ${MAX_EXPTIME}, not ${String(value)}`
  throw new MintringError('MINTRING_BAD_TTL', what)
}

/** Returns `value` if it is one word of printable ASCII; otherwise throws MINTRING_BAD_ARGUMENT. */
export function word(name: string, value: string, maxBytes = 250): string {
  if (typeof value === 'string' && value.length <= maxBytes && /^[!-~]+$/.test(value)) return value
  throw badField(name, `1 to ${maxBytes} printable ASCII characters without spaces`, value)
}

export function badField(name: string, wanted: string, got: unknown): MintringError {
  const shown = typeof got === 'string' ? JSON.stringify(got.slice(0, 40)) : String(got)
  return new MintringError('MINTRING_BAD_ARGUMENT', `${name} must be ${wanted}, not ${shown}`)
}
