import { MintringError } from '../errors.ts'

/** The longest key memcached takes, in bytes (KEY_MAX_LENGTH in memcached.h). */
export const MAX_KEY_BYTES = 250

/** The most bytes a key may have before base64 to fit in MAX_KEY_BYTES: whole groups of 3. */
export const MAX_BASE64_KEY_BYTES = 186

/** The longest opaque token of a meta command, in bytes, without its letter. */
export const MAX_OPAQUE_BYTES = 31

/** 30 days: a larger exptime is read by memcached as a date (REALTIME_MAXDELTA). */
export const MAX_RELATIVE_TTL_SECONDS = 2_592_000

/** memcached reads exptimes as signed 32-bit integers. */
export const MAX_EXPTIME = 2_147_483_647

/** The longest `gat` line: memcached closes at more without a line end, but for gets. */
export const MAX_TOUCH_LINE_BYTES = 2048

/** Counters, deltas and CAS ids are unsigned 64-bit integers. */
export const MAX_UINT64 = 18_446_744_073_709_551_615n

/** Client flags are unsigned 32-bit integers. */
export const MAX_FLAGS = 4_294_967_295

/** The longest reply line, in bytes without its line end: the default of `maxLineBytes`. */
export const MAX_LINE_BYTES = 8192

/**
 * The largest value a reply may announce: the default of `maxValueBytes`. memcached ships with 1 MB
 * (`-I 1m`) and can be set up to 1 GB.
 */
export const DEFAULT_MAX_VALUE_BYTES: number = 128 * 1024 * 1024

/** What a peer may make a parser hold. */
export interface ParserLimits {
  /** Longest line, in bytes without its line end. Default MAX_LINE_BYTES. */
  readonly maxLineBytes: number
  /** Largest value, in bytes. Default DEFAULT_MAX_VALUE_BYTES. */
  readonly maxValueBytes: number
}

const ABSOLUTE_MAX_BYTES = 2 ** 31 - 1

/** The limits with defaults filled in. Throws MINTRING_BAD_ARGUMENT for anything but 1 … 2 GiB. */
export function parserLimits(limits: Partial<ParserLimits> = {}): ParserLimits {
  return {
    maxLineBytes: checkLimit('maxLineBytes', limits.maxLineBytes ?? MAX_LINE_BYTES),
    maxValueBytes: checkLimit('maxValueBytes', limits.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES),
  }
}

function checkLimit(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= ABSOLUTE_MAX_BYTES) return value
  const range = `an integer from 1 to ${ABSOLUTE_MAX_BYTES}`
  throw new MintringError('MINTRING_BAD_ARGUMENT', `${name} must be ${range}, not ${String(value)}`)
}
