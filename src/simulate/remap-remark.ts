import type { Ring } from '../ring/ring.ts'

/**
 * Why keys of unchanged servers move on a ring: their numbers of points changed. libmemcached's
 * arithmetic gives 50 equal servers 156 points each, and 49 of them 160.
 */
export function pointsRemark(before: Ring, after: Ring): string | undefined {
  const was = before.points.length / before.servers.length
  const is = after.points.length / after.servers.length
  if (was === 0 || was === is) return undefined
  const numbers = [was, is].map((points) => Math.round(points * 10) / 10)
  return `servers go from ${numbers.join(' to ')} points each, so keys move between those that stay`
}
