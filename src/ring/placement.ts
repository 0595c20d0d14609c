import type { HashName } from './hashes/registry.ts'
import type { Key, KeyHash } from './key.ts'
import type { RingOptions } from './options.ts'
import type { ParsedServer } from './server.ts'

/** Which servers are alive, by index in the ring's list: anything truthy is. */
export type Live = ArrayLike<number | boolean>

/** A server of a ring with its index in the ring's list. */
export interface Member extends ParsedServer {
  readonly index: number
}

/** Where keys go, for a fixed list of servers. All indexes are those of the ring's list. */
export interface Placement {
  /** The server of the key. Allocates nothing. */
  indexOf(key: Key): number
  /** The key's hash, unsigned 32-bit. */
  hashOf(key: Key): number
  /** The position of a key and its hash among the places of the table or continuum. */
  find(hash: number, key: Key): number
  ownerAt(position: number): number
  /** The point at a position, where places are points of a continuum. */
  pointAt(position: number): number | undefined
  /**
   * The server of the key when some are dead, leaving the others' keys where they are; -1 for none.
   */
  indexOfLive(key: Key, live: Live): number
  /** Every point of the continuum in order; empty for distributions without one. */
  readonly points: Uint32Array
  /** The fraction of all keys that belongs to each server, by index, for `servers` servers. */
  shares(servers: number): Float64Array
}

/** From a hash to a server: what most distributions are, once the key is hashed. */
export interface Table {
  /** The position of `hash` among the places. */
  find(hash: number): number
  ownerAt(position: number): number
  /** The point at a position, where places are points. */
  pointAt(position: number): number | undefined
  /** The owner of the next place after `hash` whose server is alive; -1 for none. */
  liveOwnerOf(hash: number, live: Live): number
  readonly points: Uint32Array
  /** Adds each server's fraction of the hashes below 2^bits to `shares`. */
  addShares(shares: Float64Array, bits: number): void
}

/** What a distribution is told. */
export interface PlacementInput {
  /** In the order the distribution numbers them. Never empty. */
  readonly members: readonly Member[]
  readonly options: RingOptions
  readonly hash: { readonly name: HashName; readonly hash: KeyHash; readonly bits: number }
  /** The hash of labels, where the distribution makes its points with a key hash. */
  readonly pointHash: { readonly name: HashName; readonly hash: KeyHash }
}

/** One way of placing keys on servers. */
export interface Distribution {
  /** The key hash when none is asked for. */
  readonly hash: HashName
  /**
   * Hash names that mean another hash here, such as the whole CRC-32 where that is what `crc32` is.
   */
  readonly hashAliases?: Readonly<Record<string, HashName>>
  /** Whether weights count at all. */
  readonly weights: 'ignored' | 'whole' | 'fractional'
  /** How members are ordered before they are numbered; as listed by default. */
  readonly order?: 'listed' | 'name'
  /** What a server is called on the ring: two servers must not share it. */
  readonly label?: (member: ParsedServer, options: RingOptions) => string
  readonly place: (input: PlacementInput) => Placement
}

/**
 * Finds a live server the way one client does it after the first choice was dead; -1 when it gives
 * up.
 */
export type Walk = (key: Key, hash: number, table: Table, live: Live) => number

/** The server of a hash. */
export function ownerOf(table: Table, hash: number): number {
  return table.ownerAt(table.find(hash))
}

const nextOnTable: Walk = (_key, hash, table, live) => table.liveOwnerOf(hash, live)

/** The placement of every distribution that hashes the key alone and looks the hash up. */
export class HashedPlacement implements Placement {
  readonly #hash: KeyHash
  readonly #bits: number
  readonly #table: Table
  readonly #walk: Walk

  constructor(input: PlacementInput, table: Table, walk: Walk = nextOnTable) {
    this.#hash = input.hash.hash
    this.#bits = input.hash.bits
    this.#table = table
    this.#walk = walk
  }

  indexOf(key: Key): number {
    const table = this.#table
    return table.ownerAt(table.find(this.#hash(key)))
  }

  hashOf(key: Key): number {
    return this.#hash(key)
  }

  find(hash: number): number {
    return this.#table.find(hash)
  }

  ownerAt(position: number): number {
    return this.#table.ownerAt(position)
  }

  pointAt(position: number): number | undefined {
    return this.#table.pointAt(position)
  }

  indexOfLive(key: Key, live: Live): number {
    const hash = this.#hash(key)
    const owner = ownerOf(this.#table, hash)
    return live[owner] ? owner : this.#walk(key, hash, this.#table, live)
  }

  get points(): Uint32Array {
    return this.#table.points
  }

  shares(servers: number): Float64Array {
    const shares = new Float64Array(servers)
    this.#table.addShares(shares, this.#bits)
    return shares
  }
}
