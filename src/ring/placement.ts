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

/** From a key's hash to its server. All indexes are those of the ring's list. */
export interface Table {
  /**
   * The server of a key, by its hash, signed or not. Allocates nothing, where the distribution
   * allows that.
   */
  ownerOf(hash: number, key: Key): number
  /** The owner of the next place whose server is alive; -1 for none. */
  liveOwnerOf(hash: number, live: Live, key: Key): number
  /** The point on the continuum that decides, where there is one. */
  pointOf(hash: number): number | undefined
  /** Every point of the continuum in order; empty without one. */
  readonly points: Uint32Array
  /** Adds each server's fraction of the hashes below 2^bits to `shares`, by index. */
  addShares(shares: Float64Array, bits: number): void
}

/** Finds a live server as one client does when the first choice is dead; -1 when it gives up. */
export type Walk = (key: Key, hash: number, table: Table, live: Live) => number

/** Where keys go, for a fixed list of servers. */
export interface Placement {
  readonly hash: KeyHash
  readonly table: Table
  readonly walk: Walk
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

/** The walk of most: on to the next place of the table. */
const nextOnTable: Walk = (key, hash, table, live) => table.liveOwnerOf(hash, live, key)

/** The placement of a distribution that hashes the key as it was told to. */
export function hashed(input: PlacementInput, table: Table, walk: Walk = nextOnTable): Placement {
  return { hash: input.hash.hash, table, walk }
}
