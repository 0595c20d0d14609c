import { MintringError } from '../errors.ts'

/** The longest key that memcached accepts, in bytes (KEY_MAX_LENGTH in memcached.h). */
export const MAX_KEY_BYTES = 250

/**
 * The longest key that fits into MAX_KEY_BYTES as base64, in bytes before encoding: a multiple of
 * 3.
 */
export const MAX_BASE64_KEY_BYTES = 186

/** The longest opaque token of a meta command, in bytes, without the flag's letter O. */
export const MAX_OPAQUE_BYTES = 31

/**
 * The longest relative exptime, 30 days: memcached reads a larger one as a Unix time
 * (REALTIME_MAXDELTA).
 */
export const MAX_RELATIVE_TTL_SECONDS = 2_592_000

/** The largest exptime: memcached reads exptimes as signed 32-bit integers. */
export const MAX_EXPTIME = 2_147_483_647

/**
 * The longest `gat` line in bytes. memcached closes the connection on a longer one; only `get` and
 * `gets` may be longer.
 */
export const MAX_TOUCH_LINE_BYTES = 2048

/** The largest counter, delta or CAS id: they are unsigned 64-bit integers. */
export const MAX_UINT64 = 18_446_744_073_709_551_615n

/** The largest client flags: they are an unsigned 32-bit integer. */
export const MAX_FLAGS = 4_294_967_295

/** The longest reply line, in bytes without its line end: the default of `maxLineBytes`. */
export const MAX_LINE_BYTES = 8192

/**
 * The default of `maxValueBytes`: the largest value that a reply may announce. memcached's default
 * limit is 1 MB; `-I` can raise it to 1 GB.
 */
export const DEFAULT_MAX_VALUE_BYTES: number = 128 * 1024 * 1024

/** Limits on the memory that a peer can make a parser use. */
export interface ParserLimits {
  /** The longest line in bytes, without its line end. Default MAX_LINE_BYTES. */
  readonly maxLineBytes: number
  /** The largest value in bytes. Default DEFAULT_MAX_VALUE_BYTES. */
  readonly maxValueBytes: number
}

const ABSOLUTE_MAX_BYTES = 2 ** 31 - 1

/**
 * Fills in the default limits. Throws MINTRING_BAD_ARGUMENT for a limit that is not an integer from
 * 1 to 2 GiB.
 */
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
