import { MAX_RELATIVE_TTL_SECONDS } from '../../protocol/limits.ts'
import { Refusal } from './errors.ts'

/**
 * A lifetime as memcached reads it (doc/protocol.txt, "Expiration times"): seconds up to 30 days, a
 * date in Unix seconds beyond, 0 for ever. In whole seconds from now; undefined when it is over.
 * Throws `refusal`, as memcached would say it, for what is no number of seconds: NaN, Infinity.
 */
export function npmSecondsLeft(
  lifetime: number,
  nowMs: number,
  refusal = 'bad command line format',
): number | undefined {
  const seconds = Number(lifetime)
  if (!Number.isFinite(seconds)) throw new Refusal(refusal)
  if (seconds < 0) return undefined
  if (seconds <= MAX_RELATIVE_TTL_SECONDS) return Math.ceil(seconds)
  const left = Math.ceil(seconds - nowMs / 1000)
  return left > 0 ? left : undefined
}
