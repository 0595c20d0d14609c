import type { Ring } from '../ring/ring.ts'

/**
 * Explains why keys of unchanged servers move on a ring: their number of points changed. With
 * libmemcached's arithmetic, 50 equal servers have 156 points each, and 49 have 160.
 */
export function pointsRemark(before: Ring, after: Ring): string | undefined {
  const was = before.points.length / before.servers.length
  const is = after.points.length / after.servers.length
  if (was === 0 || was === is) return undefined
  const numbers = [was, is].map((points) => Math.round(points * 10) / 10)
  return `servers go from ${numbers.join(' to ')} points each, so keys of unchanged servers move`
}
