import { Continuum } from '../continuum.ts'
import { hostPortLabel } from '../labels.ts'
import { type Distribution, hashed } from '../placement.ts'
import { fillCrcChain } from './nginx.ts'

const KETAMA_POINTS = 150

/**
 * Perl's Cache::Memcached::Fast with `ketama_points`. That setting is `vnodes` here: 150 by
 * default, as in its manual; with 160 it is nginx's ring. Weights may be fractional. Without
 * `ketama_points` that client places like `modulaWeighted`.
 */
export const cacheMemcachedFast: Distribution = {
  hash: 'crc32a',
  hashAliases: { crc32: 'crc32a' },
  weights: 'fractional',
  label: hostPortLabel,
  place: (input) => {
    const perWeight = input.options.vnodes ?? KETAMA_POINTS
    const continuum = new Continuum(input.members, {
      count: (member) => Math.floor(perWeight * member.weight + 0.5),
      fill: (member, count, out, offset) => fillCrcChain(member, false, out, offset, count),
    })
    return hashed(input, continuum)
  },
}
