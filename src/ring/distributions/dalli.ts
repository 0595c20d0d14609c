import { Continuum } from '../continuum.ts'
import { digestOf } from '../hashes/digests.ts'
import { prefixed } from '../key.ts'
import { hostPortLabel } from '../labels.ts'
import { type Distribution, hashed, type PlacementInput, type Walk } from '../placement.ts'
import { eachLabel, POINTS_PER_SERVER, totalWeight } from '../points.ts'

const TRIES = 20

/**
 * Dalli prefixes the key with the number of the try and hashes it again. It fails after 20 tries,
 * the first included.
 */
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
 * Ruby's Dalli (`ring.rb`). Points are the first four bytes of SHA-1, and the search goes backward.
 * The key hash is the full CRC-32. Labels always contain the port. Dalli hashes its namespace with
 * the key: pass the key as `namespace:key`.
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
