/** Ranks that are counted one by one; beyond, a hundredth more of them at a time. */
const SINGLE_RANKS = 256
const GROUP_GROWTH = 1.01

interface Group {
  readonly keys: number
  /** Share of one key. */
  share: number
}

/** Zipf's law: the key of rank r gets requests in proportion to 1 / r^exponent. */
export class Popularity {
  readonly #exponent: number
  readonly #total: number
  /** Neighbours in rank are alike: sums over a million keys take some thousand steps. */
  readonly #groups: readonly Group[]

  constructor(keys: number, exponent: number) {
    this.#exponent = exponent
    this.#groups = groupsOf(keys, exponent)
    this.#total = this.sum((weight) => weight)
    for (const group of this.#groups) group.share /= this.#total
  }

  /** The share of all requests that ask for the key of a rank, from 0. */
  shareOf(rank: number): number {
    return (rank + 1) ** -this.#exponent / this.#total
  }

  /** The sum over all keys of what `of` makes of a key's share. */
  sum(of: (share: number) => number): number {
    return this.#groups.reduce((sum, { keys, share }) => sum + keys * of(share), 0)
  }

  /**
   * How long a value must live from its load for so many of the requests to hit: requests of a key
   * come at random (Poisson), so a key with a rate of r is there for rT / (1 + rT) of the time.
   */
  lifeMsFor(hitRatio: number, requestsPerSecond: number): number {
    if (hitRatio === 0 || requestsPerSecond === 0) return 0
    if (hitRatio === 1) return Number.POSITIVE_INFINITY
    const hitsWith = (lifeMs: number): number => {
      const requests = (lifeMs * requestsPerSecond) / 1_000
      return this.sum((share) => (share * share * requests) / (1 + share * requests))
    }
    let [low, high] = [1e-9, 1e21]
    for (let step = 0; step < 100; step++) {
      const middle = Math.sqrt(low * high)
      if (hitsWith(middle) < hitRatio) low = middle
      else high = middle
    }
    return high
  }
}

function groupsOf(keys: number, exponent: number): Group[] {
  const groups: Group[] = []
  for (let from = 1; from <= keys; ) {
    const growth = from <= SINGLE_RANKS ? from + 1 : Math.floor(from * GROUP_GROWTH) + 1
    const to = Math.min(keys + 1, growth)
    groups.push({ keys: to - from, share: ((from + to - 1) / 2) ** -exponent })
    from = to
  }
  return groups
}
