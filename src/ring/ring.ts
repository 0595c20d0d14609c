import { inspect } from 'node:util'
import { MintringError } from '../errors.ts'
import { type Change, type Difference, differenceBetween } from './difference.ts'
import { type HashName, loadHash } from './hashes/registry.ts'
import { type Key, type KeyHash, tagged } from './key.ts'
import type { DistributionName, RingOptions } from './options.ts'
import { placementOf } from './place.ts'
import type { Live, Member, Table, Walk } from './placement.ts'
import { checkWeight, type ParsedServer, parseServer, type RingServer } from './server.ts'
import { badOption, settingsOf } from './settings.ts'
import { warnOfTraps } from './traps.ts'

/** A Location as plain data. */
export interface LocationData<Server> {
  /** The server, as passed to the ring. */
  readonly server: Server
  /** The index of the server in the ring's list. */
  readonly index: number
  /** The key's hash, unsigned 32-bit. */
  readonly hash: number
  /** The point on the continuum that the hash belongs to; undefined without a continuum. */
  readonly point: number | undefined
}

/** The server of a key, and how the ring chose it. */
export class Location<Server extends RingServer = RingServer> {
  /** The server, as passed to the ring. */
  readonly server: Server
  /** The index of the server in the ring's list. */
  readonly index: number
  readonly #signedHash: number
  readonly #ring: Ring<Server>
  readonly #key: Key

  constructor(ring: Ring<Server>, key: Key, index: number, hash: number) {
    this.server = ring.servers[index]!
    this.index = index
    this.#signedHash = hash
    this.#ring = ring
    this.#key = key
  }

  /** The key's hash, unsigned 32-bit. */
  get hash(): number {
    return this.#signedHash >>> 0
  }

  /** The point on the continuum that the hash belongs to; undefined without a continuum. */
  get point(): number | undefined {
    return this.#ring.pointOfHash(this.hash)
  }

  /**
   * Returns the server of the key when its first `n` choices are dead (default 1), as the
   * distribution's failover chooses it. Returns undefined if no server is left, or if that failover
   * gives up earlier.
   */
  fallback(n = 1): Server | undefined {
    const live = new Uint8Array(this.#ring.servers.length).fill(1)
    let index = this.index
    for (let i = 0; i < n && index >= 0; i++) {
      live[index] = 0
      index = this.#ring.indexOfLive(this.#key, live)
    }
    return index < 0 ? undefined : this.#ring.servers[index]
  }

  /** Returns `{ server, index, hash, point }`, for JSON and logs. */
  toJSON(): LocationData<Server> {
    return { server: this.server, index: this.index, hash: this.hash, point: this.point }
  }

  /** Returns what console.log shows. */
  [inspect.custom](): LocationData<Server> {
    return this.toJSON()
  }
}

/** An immutable map from keys to servers. Create it with `createRing`. */
export class Ring<Server extends RingServer = RingServer> {
  /** The servers, as passed to `createRing`. */
  readonly servers: readonly Server[]
  /** How the ring maps hashes to servers. */
  readonly distribution: DistributionName
  /** How the ring hashes keys. */
  readonly hash: HashName
  /**
   * What a client with this ring does about dead servers: `skip` uses `indexOfLive`, `rebuild` uses
   * `rebuiltOver`.
   */
  readonly ejection: 'skip' | 'rebuild'
  /**
   * Known problems of these options, as text. They are also emitted as warnings, once per process.
   */
  readonly warnings: readonly string[]
  readonly #options: RingOptions
  readonly #parsed: readonly ParsedServer[]
  readonly #hash: KeyHash
  readonly #table: Table
  readonly #walk: Walk
  readonly #bits: number
  readonly #tag: string | undefined

  /**
   * Use `createRing` instead. `live` limits the ring to some of the servers; their indexes do not
   * change.
   */
  constructor(servers: readonly Server[], options: RingOptions, live?: Live) {
    const parsed = servers.map((server) => parseServer(server))
    const settings = settingsOf(parsed, options)
    this.servers = Object.freeze([...servers])
    this.distribution = settings.distribution
    this.hash = settings.hash.name
    this.ejection = options.ejection ?? 'skip'
    this.#options = options
    this.#parsed = parsed
    this.#tag = options.hashTag
    const { hash, table, walk } = placementOf(settings, membersOf(parsed, live))
    this.#hash = hash
    this.#table = table
    this.#walk = walk
    this.#bits = settings.hash.bits
    // No warning about servers without keys if `live` is given: dead servers rightly have none.
    this.warnings = warnOfTraps(
      settings,
      parsed,
      live === undefined ? () => this.shares() : undefined,
    )
    Object.freeze(this)
  }

  /**
   * Returns the index of the key's server in `servers`. The fastest lookup: it allocates nothing.
   */
  indexOf(key: Key): number {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    return this.#table.ownerOf(this.#hash(hashed), hashed)
  }

  /** Returns the key's hash, unsigned 32-bit. */
  hashOf(key: Key): number {
    return this.#hash(this.#tag === undefined ? key : this.#tagged(key)) >>> 0
  }

  /**
   * Like `indexOf`, for a hash computed before: looks up one key on several rings with the same
   * hash.
   */
  indexOfHash(hash: number, key: Key): number {
    return this.#table.ownerOf(hash, this.#tag === undefined ? key : this.#tagged(key))
  }

  /** Returns the point on the continuum that a hash belongs to; undefined without a continuum. */
  pointOfHash(hash: number): number | undefined {
    return this.#table.pointOf(hash)
  }

  /**
   * Returns the index of the key's server when some servers are dead. A server is alive if its
   * entry in `live` is truthy. Keys of live servers stay; a dead server's keys go where the
   * distribution's own failover sends them. Returns -1 if that failover gives up: Dalli,
   * spymemcached and python-memcached stop after some tries.
   */
  indexOfLive(key: Key, live: Live): number {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    const hash = this.#hash(hashed)
    const owner = this.#table.ownerOf(hash, hashed)
    return live[owner] ? owner : this.#walk(hashed, hash, this.#table, live)
  }

  /** Returns the server of a key, with its hash and point. */
  locate(key: Key): Location<Server> {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    const hash = this.#hash(hashed)
    return new Location(this, hashed, this.#table.ownerOf(hash, hashed), hash)
  }

  /** All points of the continuum in order; empty without a continuum. */
  get points(): Uint32Array {
    return this.#table.points
  }

  /** Returns the fraction of evenly hashed keys of each server, in the order of `servers`. */
  shares(): number[] {
    const shares = new Float64Array(this.servers.length)
    this.#table.addShares(shares, this.#bits)
    return [...shares]
  }

  /**
   * Returns a ring of the live servers alone, as libmemcached and twemproxy build it (`ejection:
   * 'rebuild'`). Indexes still refer to this ring's `servers`.
   *
   * @throws MintringError MINTRING_NO_SERVERS if no server is alive.
   */
  rebuiltOver(live: Live): Ring<Server> {
    return new Ring(this.servers, this.#options, live)
  }

  /** Returns this ring without one server: its index, its address or name, or the entry itself. */
  without(server: Server | number | string): Ring<Server> {
    const gone = this.#position(server)
    return createRing(
      this.servers.filter((_, index) => index !== gone),
      this.#options,
    )
  }

  /** Returns this ring with more servers at the end of the list. */
  with(...added: readonly Server[]): Ring<Server> {
    return createRing([...this.servers, ...added], this.#options)
  }

  /** Returns this ring with another weight for one server. */
  reweight(server: Server | number | string, weight: number): Ring<Server | ReweightedServer> {
    const position = this.#position(server)
    const parsed = this.#parsed[position]!
    checkWeight(weight, this.servers[position]!)
    const { label: _label, ...rest } = parsed
    const reweighted: ReweightedServer = { ...rest, weight }
    return createRing<Server | ReweightedServer>(
      this.servers.map((entry, index) => (index === position ? reweighted : entry)),
      this.#options,
    )
  }

  /**
   * Counts how many of `keys` change server when `other` replaces this ring. Also counts the
   * unrelated moves: between servers that were neither added, removed nor reweighted.
   */
  diff(other: Ring, keys: Iterable<Key>): Difference {
    return differenceBetween(this, other, this.changeTo(other), keys)
  }

  /** Returns how the servers of `other` differ from this ring's, matched by name or address. */
  changeTo(other: Ring): Change {
    const before = new Map(this.#parsed.map((server) => [server.label, server]))
    const after = new Map(other.#parsed.map((server) => [server.label, server]))
    return {
      labelsBefore: this.#parsed.map((server) => server.label),
      labelsAfter: other.#parsed.map((server) => server.label),
      removed: [...before.keys()].filter((label) => !after.has(label)),
      added: [...after.keys()].filter((label) => !before.has(label)),
      reweighted: [...before]
        .filter(([label, server]) => (after.get(label)?.weight ?? server.weight) !== server.weight)
        .map(([label]) => label),
    }
  }

  #tagged(key: Key): Key {
    return tagged(key, this.#tag![0]!, this.#tag![1]!)
  }

  #position(server: Server | number | string): number {
    if (typeof server === 'number' && this.servers[server] !== undefined) return server
    const same = this.servers.indexOf(server as Server)
    if (same >= 0) return same
    const label = typeof server === 'number' ? '' : parseServer(server).label
    const position = this.#parsed.findIndex(
      (parsed) => parsed.label === label || parsed.name === server,
    )
    if (position >= 0) return position
    const text = typeof server === 'object' ? label : String(server)
    throw new MintringError('MINTRING_BAD_SERVER', `No server '${text}' in this ring`)
  }
}

/** The entry that `reweight` puts into the new ring. */
export type ReweightedServer = Omit<ParsedServer, 'label'>

function membersOf(parsed: readonly ParsedServer[], live: Live | undefined): Member[] {
  const members = parsed.map((server, index) => ({ ...server, index }))
  return live === undefined ? members : members.filter((member) => live[member.index])
}

/**
 * Builds the ring of `servers`. The ring is ready when this returns. With `xxh32` and `xxh64`, the
 * first lookups are slower unless you `await loadHash('xxh64')` before.
 *
 * @throws MintringError MINTRING_NO_SERVERS for an empty list, MINTRING_BAD_SERVER for an invalid
 * server, MINTRING_DUPLICATE_SERVER for two servers with the same label, MINTRING_BAD_BEHAVIOR for
 * an unknown option or one of the wrong type.
 */
export function createRing<Server extends RingServer>(
  servers: readonly Server[],
  options: RingOptions = {},
): Ring<Server> {
  if (!Array.isArray(servers)) {
    throw new MintringError('MINTRING_BAD_SERVER', 'createRing takes an array of servers')
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw badOption("the options are an object such as { distribution: 'ketama' }")
  }
  const ring = new Ring(servers, Object.freeze({ ...options }))
  void loadHash(ring.hash)
  return ring
}
