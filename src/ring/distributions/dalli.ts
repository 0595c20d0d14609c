import { Continuum } from '../continuum.ts'
import { digestOf } from '../hashes/digests.ts'
import { prefixed } from '../key.ts'
import { hostPortLabel } from '../labels.ts'
import { type Distribution, hashed, type PlacementInput, type Walk } from '../placement.ts'
import { eachLabel, POINTS_PER_SERVER, totalWeight } from '../points.ts'

const TRIES = 20

/** Dalli hashes the try number and the key, 20 tries with the first, and then fails. */
function rehash(input: PlacementInput): Walk {
  return (key, _hash, table, live) => {
    for (let attempt = 0; attempt < TRIES - 1; attempt++) {
      const owner = table.ownerOf(input.hash.hash(prefixed(String(attempt), key)), key)
      if (live[owner]) return owner
    }
    return -1
  }
}

/**
 * Ruby's Dalli (`ring.rb`): points are the first four bytes of SHA-1, searched backwards, the key
 * hash is the whole CRC-32, and the port is always part of the label. Dalli's namespace is hashed
 * with the key: pass the key as `namespace:key`.
 */
export const dalli: Distribution = {
  hash: 'crc32a',
  hashAliases: { crc32: 'crc32a' },
  weights: 'whole',
  label: hostPortLabel,
  place: (input) => {
    const { members } = input
    const total = totalWeight(members)
    const perServer = members.length * POINTS_PER_SERVER
    const continuum = new Continuum(members, {
      search: 'backward',
      count: (member) => Math.floor((perServer * member.weight) / total),
      fill: (member, count, out, offset) => {
        eachLabel(hostPortLabel(member), ':', count, (bytes, length, i) => {
          out[offset + i] = digestOf('sha1', bytes, length).readUInt32BE(0)
        })
      },
    })
    return hashed(input, continuum, rehash(input))
  },
}
