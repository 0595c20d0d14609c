/**
 * The first ranks are counted one by one. After them, each group is a hundredth of its rank in
 * size.
 */
const SINGLE_RANKS = 256
const GROUP_GROWTH = 1.01

interface Group {
  readonly keys: number
  /** The share of requests of one key of the group. */
  share: number
}

/** Zipf's law: a key of rank r gets requests in proportion to 1 / r^exponent. */
export class Popularity {
  readonly #exponent: number
  readonly #total: number
  /**
   * Neighbouring ranks have nearly the same share, so they form groups: a sum over a million keys
   * takes about a thousand steps.
   */
  readonly #groups: readonly Group[]

  constructor(keys: number, exponent: number) {
    this.#exponent = exponent
    this.#groups = groupsOf(keys, exponent)
    this.#total = this.sum((weight) => weight)
    for (const group of this.#groups) group.share /= this.#total
  }

  /** Returns the share of all requests that go to the key of a rank; ranks start at 0. */
  shareOf(rank: number): number {
    return (rank + 1) ** -this.#exponent / this.#total
  }

  /** Returns the sum of `of(share)` over all keys. */
  sum(of: (share: number) => number): number {
    return this.#groups.reduce((sum, { keys, share }) => sum + keys * of(share), 0)
  }

  /**
   * Returns the lifetime of values that gives this hit ratio. Requests of a key arrive at random
   * (Poisson), so a key with rate r and lifetime T is cached for rT / (1 + rT) of the time.
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
