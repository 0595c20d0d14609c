import { MintringError } from '../errors.ts'
import type { Live, Member, Table } from './placement.ts'

// While sorting, one double holds a point and the rank of its owner: 32 bits of point, 20 of rank.
const RANKS = 1_048_576

// The limit on points. 10,000 servers have 1.6 million, so more than this is due to a wrong weight.
const MAX_POINTS = 16_777_216

// A bucket with more points is searched by bisection: a skewed hash may put all points into one.
const SCAN_AT_MOST = 8

/** How a distribution computes the points of its servers (members). */
export interface PointSource {
  /** Returns the number of points of a server. */
  readonly count: (member: Member) => number
  /** Writes `count` points of the server to `out`, from index `offset` on. */
  readonly fill: (member: Member, count: number, out: Uint32Array, offset: number) => void
  /**
   * Which server owns a point that two servers share: the first listed (the default) or the last.
   */
  readonly ties?: 'first' | 'last'
  /**
   * `forward` (the default): a hash belongs to the first point at or after it. `backward`: to the
   * last point at or before it.
   */
  readonly search?: 'forward' | 'backward'
}

/**
 * Points sorted on a circle of 32-bit hashes. A table maps the top bits of a hash to the first
 * point with these bits, so a lookup costs the same with 3 hosts and with 1,000.
 */
export class Continuum implements Table {
  // Point and owner alternate, so that both are in one cache line.
  readonly #entries: Uint32Array
  readonly #buckets: Uint32Array
  readonly #shift: number
  readonly #size: number
  readonly #backward: boolean

  constructor(members: readonly Member[], source: PointSource) {
    const { sorted, buckets, shift } = sortPoints(members, source)
    const last = source.ties === 'last'
    const size = sorted.length
    const entries = new Uint32Array(size * 2)
    for (let i = 0; i < size; i++) {
      const composite = sorted[i]!
      const point = Math.floor(composite / RANKS)
      const rank = composite - point * RANKS
      entries[2 * i] = point
      entries[2 * i + 1] = members[last ? members.length - 1 - rank : rank]!.index
    }
    this.#entries = entries
    this.#buckets = buckets
    this.#shift = shift
    this.#size = size
    this.#backward = source.search === 'backward'
  }

  #find(hash: number): number {
    const signed = hash | 0
    if (!this.#backward) {
      const position = this.#firstFrom(signed)
      return position === this.#size ? 0 : position
    }
    const after = signed === -1 ? this.#size : this.#firstFrom((signed + 1) | 0)
    return after === 0 ? this.#size - 1 : after - 1
  }

  /**
   * Returns the first position whose point is at least the hash, or `size` if there is none. The
   * hash is signed: an unsigned one can be too large to pass without an allocation.
   */
  #firstFrom(signed: number): number {
    const hash = signed >>> 0
    const entries = this.#entries
    const bucket = hash >>> this.#shift
    let low = this.#buckets[bucket]!
    let high = this.#buckets[bucket + 1]!
    while (high - low > SCAN_AT_MOST) {
      const middle = (low + high) >>> 1
      if (entries[2 * middle]! < hash) low = middle + 1
      else high = middle
    }
    while (low < high && entries[2 * low]! < hash) low++
    return low
  }

  ownerOf(hash: number): number {
    return this.#entries[2 * this.#find(hash) + 1]!
  }

  pointOf(hash: number): number {
    return this.#entries[2 * this.#find(hash)]!
  }

  liveOwnerOf(hash: number, live: Live): number {
    const step = this.#backward ? this.#size - 1 : 1
    let position = this.#find(hash)
    for (let tried = 0; tried < this.#size; tried++) {
      const owner = this.#entries[2 * position + 1]!
      if (live[owner]) return owner
      position = (position + step) % this.#size
    }
    return -1
  }

  get points(): Uint32Array {
    const points = new Uint32Array(this.#size)
    for (let i = 0; i < this.#size; i++) points[i] = this.#entries[2 * i]!
    return points
  }

  addShares(shares: Float64Array, bits: number): void {
    const hashes = 2 ** bits
    let from = 0
    for (let i = 0; i < this.#size && from < hashes; i++) {
      // `forward`: a hash belongs to the first point at or after it, so a range includes its end.
      // `backward`: a hash belongs to the last point at or before it, so a range excludes its end.
      const end = Math.min(hashes, this.#entries[2 * i]! + (this.#backward ? 0 : 1))
      if (end <= from) continue
      const owner = this.#backward ? (i + this.#size - 1) % this.#size : i
      shares[this.#entries[2 * owner + 1]!]! += (end - from) / hashes
      from = end
    }
    const wrapped = this.#backward ? this.#size - 1 : 0
    shares[this.#entries[2 * wrapped + 1]!]! += (hashes - from) / hashes
  }
}

/** Sorts all points, equal ones by rank. Returns them with the start of each bucket. */
function sortPoints(
  members: readonly Member[],
  source: PointSource,
): { sorted: Float64Array; buckets: Uint32Array; shift: number } {
  const counts = members.map((member) => source.count(member))
  const size = counts.reduce((sum, count) => sum + count, 0)
  if (size > MAX_POINTS) {
    const why = `these weights make ${size} points, over ${MAX_POINTS}`
    throw new MintringError('MINTRING_BAD_SERVER', `Bad servers: ${why}`)
  }
  const points = new Uint32Array(size)
  const composites = new Float64Array(size)
  let offset = 0
  for (let rank = 0; rank < members.length; rank++) {
    const count = counts[rank]!
    source.fill(members[rank]!, count, points, offset)
    const tieRank = source.ties === 'last' ? members.length - 1 - rank : rank
    for (let i = offset; i < offset + count; i++) composites[i] = points[i]! * RANKS + tieRank
    offset += count
  }
  const shift = 30 - Math.max(1, Math.min(24, Math.floor(Math.log2(Math.max(2, size)))))
  return { ...bucketSort(points, composites, shift), shift }
}

/** Sorts by the top bits first: md5 points are spread evenly, so each bucket holds only a few. */
function bucketSort(
  points: Uint32Array,
  composites: Float64Array,
  shift: number,
): { sorted: Float64Array; buckets: Uint32Array } {
  const buckets = new Uint32Array(2 ** (32 - shift) + 1)
  for (let i = 0; i < points.length; i++) buckets[(points[i]! >>> shift) + 1]!++
  for (let i = 1; i < buckets.length; i++) buckets[i]! += buckets[i - 1]!
  const next = buckets.slice()
  const sorted = new Float64Array(points.length)
  for (let i = 0; i < points.length; i++) sorted[next[points[i]! >>> shift]!++] = composites[i]!
  for (let i = 0; i < buckets.length - 1; i++) sortRange(sorted, buckets[i]!, buckets[i + 1]!)
  return { sorted, buckets }
}

function sortRange(values: Float64Array, from: number, to: number): void {
  if (to - from > 32) {
    values.subarray(from, to).sort()
    return
  }
  for (let i = from + 1; i < to; i++) {
    const value = values[i]!
    let at = i
    for (; at > from && values[at - 1]! > value; at--) values[at] = values[at - 1]!
    values[at] = value
  }
}
