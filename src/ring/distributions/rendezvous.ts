import { mix } from '../hashes/murmur3.ts'
import { xxh32 } from '../hashes/xxh32.ts'
import { overBytes } from '../key.ts'
import { type Distribution, hashed, type Live, type Member, type Table } from '../placement.ts'

const hashLabel = overBytes(xxh32)

/**
 * Highest random weight (Thaler and Ravishankar, 1998), weighted after Schindelhauer and Schomaker.
 * Each server gets a score for the key; the best score wins. A server that leaves moves only its
 * own keys, whatever the weights. A lookup computes one score per server.
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
    // Sorts by label, so that between equal scores the order of the server list does not decide.
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
      // The score is a number in (0, 1] to the power of 1/weight; its logarithm is compared.
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
