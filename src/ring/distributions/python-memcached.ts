import { crc32 } from '../hashes/crc32.ts'
import { overBytes } from '../key.ts'
import { type Distribution, hashed, type Walk } from '../placement.ts'
import { RingSlots, weightedSlots } from '../slots.ts'

const TRIES = 10
const hashText = orOne(overBytes(crc32))

/** Replaces 0 by 1, as python-memcached does with its hash. */
function orOne<Input>(hash: (input: Input) => number): (input: Input) => number {
  return (input) => hash(input) || 1
}

/**
 * python-memcached hashes the decimal digits of the last hash and the try number. It makes ten
 * tries, the first included.
 */
const rehash: Walk = (key, hash, table, live) => {
  let current = hash
  for (let attempt = 0; attempt < TRIES - 1; attempt++) {
    current = hashText(`${current >>> 0}${attempt}`)
    const owner = table.ownerOf(current, key)
    if (live[owner]) return owner
  }
  return -1
}

/** Python's python-memcached: `(crc32 >> 16 & 0x7fff) or 1`, modulo weighted slots. */
export const pythonMemcached: Distribution = {
  hash: 'crc32',
  weights: 'whole',
  place: (input) => {
    const hash = { ...input.hash, hash: orOne(input.hash.hash) }
    return hashed({ ...input, hash }, new RingSlots(weightedSlots(input.members)), rehash)
  },
}
