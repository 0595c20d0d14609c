import { Continuum } from '../continuum.ts'
import { digestOf, isDigest } from '../hashes/digests.ts'
import { md5Words } from '../hashes/md5.ts'
import { addressLabel, addressWithoutDefaultPort } from '../labels.ts'
import type { RingOptions } from '../options.ts'
import { type Distribution, hashed, type Member, type PlacementInput } from '../placement.ts'
import { eachLabel, totalWeight } from '../points.ts'
import { DEFAULT_PORT, type ParsedServer } from '../server.ts'

const VNODES = 40
const REPLICAS = 4

type WriteWords = typeof md5Words

function label(server: ParsedServer, options: RingOptions): string {
  const short = options.labelFormat === 'libmemcached'
  if (server.name !== undefined) return short ? withoutDefaultPort(server.name) : server.name
  return short ? addressWithoutDefaultPort(server) : addressLabel(server)
}

/** As connection-parse reads a location: what stands before the first and the second colon. */
function withoutDefaultPort(location: string): string {
  const [host = '', port] = location.split(':')
  return Number(port) === DEFAULT_PORT ? host : location
}

/** Writes four points of a label: the first sixteen bytes of its digest. */
function wordsOf({ hash }: PlacementInput): WriteWords {
  const { name } = hash
  if (!isDigest(name)) return md5Words
  return (bytes, length, out, offset) => {
    const digest = digestOf(name, bytes, length)
    for (let word = 0; word < 4; word++) out[offset + word] = digest.readUInt32LE(4 * word)
  }
}

/** How many labels a server has: its own number, else its share by weight. */
function labelCounter({ members, options }: PlacementInput): (member: Member) => number {
  const { vnodes = VNODES } = options
  const total = totalWeight(members)
  return (member) => member.vnodes ?? Math.floor((member.weight / total) * vnodes * members.length)
}

/**
 * npm's hashring, and with `labelFormat: 'libmemcached'` the ring of npm's memcached. Its count of
 * labels is rounded down in double precision, so 7 equal servers get 39 each, where libmemcached
 * gives them 40. A server's `name` is the text it is listed by there, which labels its points.
 */
export const hashring: Distribution = {
  hash: 'md5',
  weights: 'fractional',
  label,
  place: (input) => {
    const { members, options } = input
    const { replicas = REPLICAS } = options
    const labelsOf = labelCounter(input)
    const writeWords = wordsOf(input)
    const words = new Uint32Array(4)
    const continuum = new Continuum(members, {
      count: (member) => replicas * labelsOf(member),
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
