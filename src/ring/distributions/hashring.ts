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

/**
 * Removes the default port from a location. Reads the text between the first and the second colon
 * as the port, as the npm package connection-parse does.
 */
function withoutDefaultPort(location: string): string {
  const [host = '', port] = location.split(':')
  return Number(port) === DEFAULT_PORT ? host : location
}

/** Returns a function that writes four points of a label: the first 16 bytes of its digest. */
function wordsOf({ hash }: PlacementInput): WriteWords {
  const { name } = hash
  if (!isDigest(name)) return md5Words
  return (bytes, length, out, offset) => {
    const digest = digestOf(name, bytes, length)
    for (let word = 0; word < 4; word++) out[offset + word] = digest.readUInt32LE(4 * word)
  }
}

/**
 * Returns a function that counts the labels of a server: its own `vnodes`, else its share by
 * weight.
 */
function labelCounter({ members, options }: PlacementInput): (member: Member) => number {
  const { vnodes = VNODES } = options
  const total = totalWeight(members)
  return (member) => member.vnodes ?? Math.floor((member.weight / total) * vnodes * members.length)
}

/**
 * npm's hashring; with `labelFormat: 'libmemcached'`, the ring of npm's memcached. hashring rounds
 * its label count down in double precision: 7 equal servers get 39 labels each, where libmemcached
 * gives them 40. Labels start with the server's `name`: the text by which hashring lists it.
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
