import { Continuum } from '../continuum.ts'
import { md5Words } from '../hashes/md5.ts'
import { sha1Digest } from '../hashes/sha1.ts'
import { addressLabel, addressWithoutDefaultPort } from '../labels.ts'
import type { RingOptions } from '../options.ts'
import { type Distribution, hashed } from '../placement.ts'
import { eachLabel, totalWeight } from '../points.ts'
import type { ParsedServer } from '../server.ts'

const VNODES = 40
const REPLICAS = 4

function label(server: ParsedServer, options: RingOptions): string {
  const short = options.labelFormat === 'libmemcached'
  return short ? addressWithoutDefaultPort(server) : addressLabel(server)
}

function sha1Words(bytes: Uint8Array, length: number, out: Uint32Array, offset: number): void {
  const digest = sha1Digest(bytes, length)
  for (let word = 0; word < 4; word++) out[offset + word] = digest.readUInt32LE(4 * word)
}

/**
 * npm's hashring, and with `labelFormat: 'libmemcached'` the ring of npm's memcached. Its count of
 * labels is rounded down in double precision, so 7 equal servers get 39 each, where libmemcached
 * gives them 40.
 */
export const hashring: Distribution = {
  hash: 'md5',
  weights: 'whole',
  label,
  place: (input) => {
    const { members, options, hash } = input
    const { vnodes = VNODES, replicas = REPLICAS } = options
    const total = totalWeight(members)
    const writeWords = hash.name === 'sha1' ? sha1Words : md5Words
    const words = new Uint32Array(4)
    const continuum = new Continuum(members, {
      count: (member) => replicas * Math.floor((member.weight / total) * vnodes * members.length),
      fill: (member, count, out, offset) => {
        eachLabel(label(member, options), '-', count / replicas, (bytes, length, i) => {
          writeWords(bytes, length, words, 0)
          for (let word = 0; word < replicas; word++)
            out[offset + replicas * i + word] = words[word]!
        })
      },
    })
    return hashed(input, continuum)
  },
}
