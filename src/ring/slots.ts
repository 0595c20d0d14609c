import { MintringError } from '../errors.ts'
import { mix } from './hashes/murmur3.ts'
import type { Live, Member, Table } from './placement.ts'

const REHASHES = 32
const MAX_SLOTS = 16_777_216
const NO_POINTS: Uint32Array = new Uint32Array(0)

/** A list of slots, each owned by a server. The slot of a hash is `hash % slots`. */
export class RingSlots implements Table {
  readonly #owners: Uint32Array

  constructor(owners: Uint32Array) {
    this.#owners = owners
  }

  ownerOf(hash: number): number {
    return this.#owners[(hash >>> 0) % this.#owners.length]!
  }

  /**
   * Hashes the hash again until it meets a live server, so that all other servers share the keys of
   * a dead one.
   */
  liveOwnerOf(hash: number, live: Live): number {
    return rehashed(this, hash, live) ?? firstLiveAfter(this.#owners, hash, live)
  }

  pointOf(): undefined {
    return undefined
  }

  get points(): Uint32Array {
    return NO_POINTS
  }

  addShares(shares: Float64Array): void {
    for (const owner of this.#owners) shares[owner]! += 1 / this.#owners.length
  }
}

/**
 * Returns the live owner of `hash`, or of the hash hashed again, at most 32 times. Returns
 * undefined if none of them is alive.
 */
export function rehashed(
  table: { ownerOf(hash: number): number },
  hash: number,
  live: Live,
): number | undefined {
  let current = hash
  for (let i = 0; i <= REHASHES; i++) {
    const owner = table.ownerOf(current)
    if (live[owner]) return owner
    current = mix((current + 0x9e3779b9) | 0)
  }
  return undefined
}

/** Returns the first live owner from slot `hash % slots` on, or -1 if there is none. */
export function firstLiveAfter(owners: Uint32Array, hash: number, live: Live): number {
  for (let i = 0; i < owners.length; i++) {
    const owner = owners[((hash >>> 0) + i) % owners.length]!
    if (live[owner]) return owner
  }
  return -1
}

/** Returns a list of one slot per server. */
export function equalSlots(members: readonly Member[]): Uint32Array {
  return Uint32Array.from(members, (member) => member.index)
}

/** Returns a list in which each server has as many consecutive slots as its weight. */
export function weightedSlots(members: readonly Member[]): Uint32Array {
  const total = members.reduce((sum, member) => sum + member.weight, 0)
  if (total > MAX_SLOTS) {
    const why = `these weights make ${total} slots, over ${MAX_SLOTS}`
    throw new MintringError('MINTRING_BAD_SERVER', `Bad servers: ${why}`)
  }
  const owners = new Uint32Array(total)
  let at = 0
  for (const member of members) {
    owners.fill(member.index, at, at + member.weight)
    at += member.weight
  }
  return owners
}
