import { mix } from '../hashes/murmur3.ts'
import { xxh32 } from '../hashes/xxh32.ts'
import { overBytes } from '../key.ts'
import { type Distribution, hashed, type Live, type Member, type Table } from '../placement.ts'

const hashLabel = overBytes(xxh32)

/**
 * Highest random weight (Thaler and Ravishankar, 1998), with weights after Schindelhauer and
 * Schomaker: every server scores the key, the best score wins. Moves nothing but the leaving
 * server's keys whatever the weights, at the cost of a score per server and lookup.
 */
export const rendezvous: Distribution = {
  hash: 'xxh32',
  weights: 'fractional',
  place: (input) => hashed(input, new Scores(input.members)),
}

class Scores implements Table {
  readonly #indexes: Uint32Array
  readonly #seeds: Uint32Array
  readonly #weights: Float64Array

  constructor(members: readonly Member[]) {
    // In the order of labels, so that the order of the list does not matter where two scores are
    // equal.
    const sorted = [...members].sort((a, b) => (a.label < b.label ? -1 : 1))
    this.#indexes = Uint32Array.from(sorted, (member) => member.index)
    this.#seeds = Uint32Array.from(sorted, (member) => hashLabel(member.label))
    this.#weights = Float64Array.from(sorted, (member) => member.weight)
  }

  ownerOf(hash: number): number {
    return this.#indexes[this.#best(hash, undefined)]!
  }

  liveOwnerOf(hash: number, live: Live): number {
    const best = this.#best(hash, live)
    return best < 0 ? -1 : this.#indexes[best]!
  }

  #best(hash: number, live: Live | undefined): number {
    let best = -1
    let bestScore = -1
    for (let i = 0; i < this.#seeds.length; i++) {
      if (live !== undefined && !live[this.#indexes[i]!]) continue
      // A score in (0, 1] to the power of 1/weight, compared by its logarithm.
      const draw = (mix(hash ^ this.#seeds[i]!) + 0.5) / 4294967296
      const score = this.#weights[i]! / -Math.log(draw)
      if (score > bestScore) {
        best = i
        bestScore = score
      }
    }
    return best
  }

  pointOf(): undefined {
    return undefined
  }

  get points(): Uint32Array {
    return new Uint32Array(0)
  }

  addShares(shares: Float64Array): void {
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0)
    for (let i = 0; i < this.#weights.length; i++) {
      shares[this.#indexes[i]!]! += this.#weights[i]! / total
    }
  }
}
