import type { HashName } from './hashes/registry.ts'
import type { Key, KeyHash } from './key.ts'
import type { RingOptions } from './options.ts'
import type { ParsedServer } from './server.ts'

/** Which servers are alive, by index in the ring's list. Any truthy entry means alive. */
export type Live = ArrayLike<number | boolean>

/** A server of a ring, with its index in the ring's list. */
export interface Member extends ParsedServer {
  readonly index: number
}

/** Maps the hash of a key to a server. All indexes refer to the ring's list. */
export interface Table {
  /**
   * Returns the server of a key. `hash` may be signed or unsigned. Allocates nothing, if the
   * distribution allows that.
   */
  ownerOf(hash: number, key: Key): number
  /** Like `ownerOf`, but skips dead servers in the order of the table; -1 if none is alive. */
  liveOwnerOf(hash: number, live: Live, key: Key): number
  /** Returns the continuum point that a hash belongs to; undefined without a continuum. */
  pointOf(hash: number): number | undefined
  /** All points of the continuum in order; empty without a continuum. */
  readonly points: Uint32Array
  /** Adds each server's fraction of the hashes below 2^bits to `shares`, by index. */
  addShares(shares: Float64Array, bits: number): void
}

/**
 * Finds a live server as one client does when its first choice is dead. Returns -1 if that client
 * gives up.
 */
export type Walk = (key: Key, hash: number, table: Table, live: Live) => number

/** Maps keys to servers, for a fixed list of servers. */
export interface Placement {
  readonly hash: KeyHash
  readonly table: Table
  readonly walk: Walk
}

/** The input from which a distribution builds its placement. */
export interface PlacementInput {
  /** The servers, in the order in which the distribution numbers them. Never empty. */
  readonly members: readonly Member[]
  readonly options: RingOptions
  readonly hash: { readonly name: HashName; readonly hash: KeyHash; readonly bits: number }
  /** The hash of labels, for distributions that compute their points with a key hash. */
  readonly pointHash: { readonly name: HashName; readonly hash: KeyHash }
}

/** A way of placing keys on servers. */
export interface Distribution {
  /** The default key hash. */
  readonly hash: HashName
  /**
   * Names of hashes that this distribution reads differently. Usually `crc32` is libmemcached's
   * shortened CRC-32; in some distributions it is the full one.
   */
  readonly hashAliases?: Readonly<Record<string, HashName>>
  /** Which weights the distribution accepts, and whether it uses them. */
  readonly weights: 'ignored' | 'whole' | 'fractional'
  /** The order in which servers are numbered. Default: as listed. */
  readonly order?: 'listed' | 'name'
  /** Returns the label of a server on this ring. No two servers may have the same. */
  readonly label?: (member: ParsedServer, options: RingOptions) => string
  readonly place: (input: PlacementInput) => Placement
}

/** How most distributions find a live server for a key: the next one in the table. */
const nextOnTable: Walk = (key, hash, table, live) => table.liveOwnerOf(hash, live, key)

/** Makes the placement of a distribution that hashes keys with the key hash of its input. */
export function hashed(input: PlacementInput, table: Table, walk: Walk = nextOnTable): Placement {
  return { hash: input.hash.hash, table, walk }
}
