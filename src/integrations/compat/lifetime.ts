import { MAX_RELATIVE_TTL_SECONDS } from '../../protocol/limits.ts'

/**
 * A lifetime as memcached reads it (doc/protocol.txt, "Expiration times"): seconds up to 30 days, a
 * date in Unix seconds beyond, 0 for ever. In whole seconds from now; undefined when it is over.
 */
export function secondsLeft(lifetime: number, nowMs: number): number | undefined {
  if (lifetime < 0) return undefined
  if (lifetime <= MAX_RELATIVE_TTL_SECONDS) return Math.ceil(lifetime)
  const left = Math.ceil(lifetime - nowMs / 1000)
  return left > 0 ? left : undefined
}
