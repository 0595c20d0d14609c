import { type Distribution, hashed, type Live, type Member, type Table } from '../placement.ts'
import { equalSlots, firstLiveAfter, rehashed } from '../slots.ts'

// The multiplier of the paper's random generator, 2862933555777941757, in two halves.
const MULTIPLIER_HIGH = 0x27bb2ee6
const MULTIPLIER_LOW = 0x87b0b0fd

/**
 * Jump consistent hash (Lamping and Veach, 2014). It needs no table and splits keys evenly, but
 * only the last server can leave without moving the keys of other servers. Ignores weights.
 */
export function jumpHash(key: number, buckets: number): number {
  let high = 0
  let low = key | 0
  let bucket = -1
  let next = 0
  while (next < buckets) {
    bucket = next
    const carry = multiplyHigh(low, MULTIPLIER_LOW)
    high = (Math.imul(low, MULTIPLIER_HIGH) + Math.imul(high, MULTIPLIER_LOW) + carry) | 0
    low = Math.imul(low, MULTIPLIER_LOW)
    low = (low + 1) | 0
    if (low === 0) high = (high + 1) | 0
    next = Math.floor((bucket + 1) * (2147483648 / ((high >>> 1) + 1)))
  }
  return bucket
}

/** Returns the high 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const other = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(other / 65536)) | 0
}

class JumpTable implements Table {
  readonly #owners: Uint32Array

  constructor(members: readonly Member[]) {
    this.#owners = equalSlots(members)
  }

  ownerOf(hash: number): number {
    return this.#owners[jumpHash(hash, this.#owners.length)]!
  }

  liveOwnerOf(hash: number, live: Live): number {
    return rehashed(this, hash, live) ?? firstLiveAfter(this.#owners, hash, live)
  }

  pointOf(): undefined {
    return undefined
  }

  get points(): Uint32Array {
    return new Uint32Array(0)
  }

  addShares(shares: Float64Array): void {
    for (const owner of this.#owners) shares[owner] = 1 / this.#owners.length
  }
}

/**
 * The distribution `jump`. No other client has it; it suits fleets that add and remove servers only
 * at the end of the list.
 */
export const jump: Distribution = {
  hash: 'xxh32',
  weights: 'ignored',
  place: (input) => hashed(input, new JumpTable(input.members)),
}
