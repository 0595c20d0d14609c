import { MAX_RELATIVE_TTL_SECONDS } from '../../protocol/limits.ts'
import { Refusal } from './errors.ts'

/**
 * Converts a lifetime as memcached reads it (doc/protocol.txt, "Expiration times") to whole seconds
 * from now. Up to 30 days it is in seconds, above that a date in Unix seconds; 0 never expires.
 * Returns undefined when it is already over. Throws a Refusal with the message `refusal`, as a
 * server would, for NaN and Infinity.
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
