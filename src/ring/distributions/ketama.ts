import { Continuum } from '../continuum.ts'
import { libmemcachedLabel, twemproxyLabel } from '../labels.ts'
import { type Distribution, hashed, type Member, type Table } from '../placement.ts'
import { fillMd5Points, libmemcachedPoints, totalWeight } from '../points.ts'
import type { ParsedServer } from '../server.ts'

/**
 * Builds libmemcached's weighted ketama (behavior KETAMA_WEIGHTED, `update_continuum` in its
 * hosts.cc). A server of average weight gets 160 md5 points, computed in single precision. The
 * first server listed owns a shared point.
 */
export function weightedContinuum(
  members: readonly Member[],
  label: (server: ParsedServer) => string,
): Table {
  const total = totalWeight(members)
  return new Continuum(members, {
    count: (member) => libmemcachedPoints(member.weight, total, members.length),
    fill: (member, count, out, offset) => fillMd5Points(label(member), count, out, offset),
  })
}

/**
 * The default distribution. PHP, Python and C clients place keys the same way; so does twemproxy,
 * if its server names and their order agree.
 */
export const ketama: Distribution = {
  hash: 'md5',
  weights: 'whole',
  label: libmemcachedLabel,
  place: (input) => hashed(input, weightedContinuum(input.members, libmemcachedLabel)),
}

/** twemproxy's `ketama` (nc_ketama.c): the same ring, with twemproxy's server order and names. */
export const twemproxy: Distribution = {
  hash: 'fnv1a_64',
  weights: 'whole',
  order: 'name',
  label: twemproxyLabel,
  place: (input) => hashed(input, weightedContinuum(input.members, twemproxyLabel)),
}
