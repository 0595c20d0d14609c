import { Continuum } from '../continuum.ts'
import { ketamaSpyLabel, libmemcachedLabel } from '../labels.ts'
import { type Distribution, hashed, type Placement, type PlacementInput } from '../placement.ts'
import { fillHashedPoints } from '../points.ts'
import type { ParsedServer } from '../server.ts'
import { weightedContinuum } from './ketama.ts'

const POINTS = 100

function place(input: PlacementInput, label: (server: ParsedServer) => string): Placement {
  const { members, options, pointHash } = input
  // libmemcached switches to the weighted ring as soon as one server is added with a weight.
  const weighted = options.weighted ?? members.some((member) => member.weight !== 1)
  if (weighted) return hashed(input, weightedContinuum(members, label))
  const continuum = new Continuum(members, {
    count: () => POINTS,
    fill: (member, count, out, offset) =>
      fillHashedPoints(pointHash.hash, label(member), count, out, offset),
  })
  return hashed(input, continuum)
}

/**
 * libmemcached's DISTRIBUTION_CONSISTENT and CONSISTENT_KETAMA: 100 points per server, each the key
 * hash of one label. No other client places keys as its default hash does.
 */
export const ketamaUnweighted: Distribution = {
  hash: 'one_at_a_time',
  weights: 'whole',
  label: libmemcachedLabel,
  place: (input) => place(input, libmemcachedLabel),
}

/**
 * libmemcached's CONSISTENT_KETAMA_SPY. Despite its name it matches no label format of
 * spymemcached.
 */
export const ketamaSpy: Distribution = {
  hash: 'one_at_a_time',
  weights: 'whole',
  label: ketamaSpyLabel,
  place: (input) => place(input, ketamaSpyLabel),
}
