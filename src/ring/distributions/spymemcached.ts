import { Continuum, type PointSource } from '../continuum.ts'
import { prefixed } from '../key.ts'
import { spymemcachedHostLabel, spymemcachedLabel } from '../labels.ts'
import type { RingOptions } from '../options.ts'
import {
  type Distribution,
  hashed,
  type Member,
  type PlacementInput,
  type Walk,
} from '../placement.ts'
import {
  fillHashedPoints,
  fillMd5Points,
  libmemcachedPoints,
  POINTS_PER_SERVER,
  totalWeight,
} from '../points.ts'
import type { ParsedServer } from '../server.ts'

const TRIES = 7

/**
 * Does what FailureMode.Redistribute does: adds six more hashes one by one, each to the sum of
 * those before. If all lead to dead servers, the key stays on its own server.
 */
function redistribute(input: PlacementInput): Walk {
  return (key, hash, table, live) => {
    let sum = hash
    for (let attempt = 0; attempt < TRIES - 1; attempt++) {
      sum = (sum + input.hash.hash(prefixed(String(attempt), key))) >>> 0
      const owner = table.ownerOf(sum, key)
      if (live[owner]) return owner
    }
    return -1
  }
}

function label(server: ParsedServer, options: RingOptions): string {
  const libmemcached = options.labelFormat === 'libmemcached'
  return libmemcached ? spymemcachedHostLabel(server) : spymemcachedLabel(server)
}

function points(input: PlacementInput): Pick<PointSource, 'count' | 'fill'> {
  const { members, options, hash } = input
  const total = totalWeight(members)
  const weighted = options.weighted ?? members.some((member) => member.weight !== 1)
  const count = (member: Member) =>
    weighted ? libmemcachedPoints(member.weight, total, members.length) : POINTS_PER_SERVER
  if (weighted || hash.name === 'md5') {
    const fill: PointSource['fill'] = (member, wanted, out, offset) =>
      fillMd5Points(label(member, options), wanted, out, offset)
    return { count, fill }
  }
  const fill: PointSource['fill'] = (member, wanted, out, offset) =>
    fillHashedPoints(hash.hash, label(member, options), wanted, out, offset)
  return { count, fill }
}

/**
 * Java's spymemcached with KetamaNodeLocator. Without weights, every server has exactly 160 points.
 * A label yields four points with md5, one with another hash. The last server listed owns a shared
 * point (`TreeMap.put`).
 */
export const spymemcached: Distribution = {
  hash: 'md5',
  weights: 'whole',
  label,
  place: (input) => {
    const continuum = new Continuum(input.members, { ...points(input), ties: 'last' })
    return hashed(input, continuum, redistribute(input))
  },
}
