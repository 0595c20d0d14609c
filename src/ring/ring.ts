import { inspect } from 'node:util'
import { MintringError } from '../errors.ts'
import { type Change, type Difference, differenceBetween } from './difference.ts'
import { type HashName, loadHash } from './hashes/registry.ts'
import { type Key, type KeyHash, tagged } from './key.ts'
import type { DistributionName, RingOptions } from './options.ts'
import { placementOf } from './place.ts'
import type { Live, Member, Table, Walk } from './placement.ts'
import { checkWeight, type ParsedServer, parseServer, type RingServer } from './server.ts'
import { settingsOf } from './settings.ts'
import { warnOfTraps } from './traps.ts'

/** A location as plain data. */
export interface LocationData<Server> {
  /** The server, as it was given to the ring. */
  readonly server: Server
  /** Its index in the ring's list. */
  readonly index: number
  /** The key's hash, unsigned 32-bit. */
  readonly hash: number
  /** The point on the continuum that decided; undefined for distributions without one. */
  readonly point: number | undefined
}

/** Where a key lives and why. */
export class Location<Server extends RingServer = RingServer> {
  /** The server, as it was given to the ring. */
  readonly server: Server
  /** Its index in the ring's list. */
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

  /** The point on the continuum that decided; undefined for distributions without one. */
  get point(): number | undefined {
    return this.#ring.pointOfHash(this.hash)
  }

  /**
   * The server the key goes to when its `n` first choices are dead (1 by default), after the
   * distribution's own failover; `undefined` when that gives up, and when there are no more
   * servers.
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

  /** `{ server, index, hash, point }`, for JSON and logs. */
  toJSON(): LocationData<Server> {
    return { server: this.server, index: this.index, hash: this.hash, point: this.point }
  }

  /** What console.log shows. */
  [inspect.custom](): LocationData<Server> {
    return this.toJSON()
  }
}

/** An immutable map from keys to servers. Made by `createRing`. */
export class Ring<Server extends RingServer = RingServer> {
  /** The servers, as they were given. */
  readonly servers: readonly Server[]
  /** How hashes become servers. */
  readonly distribution: DistributionName
  /** How keys become hashes. */
  readonly hash: HashName
  /** What a client with this ring does about dead servers: `indexOfLive`, or `rebuiltOver`. */
  readonly ejection: 'skip' | 'rebuild'
  /** Known traps of this combination, in words; also warned of once per process. */
  readonly warnings: readonly string[]
  readonly #options: RingOptions
  readonly #parsed: readonly ParsedServer[]
  readonly #hash: KeyHash
  readonly #table: Table
  readonly #walk: Walk
  readonly #bits: number
  readonly #tag: string | undefined

  /** Use `createRing`. `live` limits the ring to some of the servers, their indexes unchanged. */
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
    // On a ring without the dead ones these have no keys, whatever they weigh.
    this.warnings = warnOfTraps(
      settings,
      parsed,
      live === undefined ? () => this.shares() : undefined,
    )
    Object.freeze(this)
  }

  /** The index of the key's server in `servers`. The fastest look-up: it allocates nothing. */
  indexOf(key: Key): number {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    return this.#table.ownerOf(this.#hash(hashed), hashed)
  }

  /** The key's hash, unsigned 32-bit. */
  hashOf(key: Key): number {
    return this.#hash(this.#tag === undefined ? key : this.#tagged(key)) >>> 0
  }

  /** `indexOf` for a key hashed before, for looking one key up on several rings of one hash. */
  indexOfHash(hash: number, key: Key): number {
    return this.#table.ownerOf(hash, this.#tag === undefined ? key : this.#tagged(key))
  }

  /** The point on the continuum that a hash belongs to; undefined without a continuum. */
  pointOfHash(hash: number): number | undefined {
    return this.#table.pointOf(hash)
  }

  /**
   * The index of the key's server when only those are alive whose entry in `live` is truthy: a
   * live server's key stays where it is, a dead one's goes where the distribution's own failover
   * takes it. -1 when that finds none (Dalli, spymemcached and python-memcached give up after
   * some tries).
   */
  indexOfLive(key: Key, live: Live): number {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    const hash = this.#hash(hashed)
    const owner = this.#table.ownerOf(hash, hashed)
    return live[owner] ? owner : this.#walk(hashed, hash, this.#table, live)
  }

  /** Where the key lives, and why. */
  locate(key: Key): Location<Server> {
    const hashed = this.#tag === undefined ? key : this.#tagged(key)
    const hash = this.#hash(hashed)
    return new Location(this, hashed, this.#table.ownerOf(hash, hashed), hash)
  }

  /** Every point of the continuum, in order; empty for distributions without one. */
  get points(): Uint32Array {
    return this.#table.points
  }

  /** The fraction of evenly hashed keys that belongs to each server, in the order of `servers`. */
  shares(): number[] {
    const shares = new Float64Array(this.servers.length)
    this.#table.addShares(shares, this.#bits)
    return [...shares]
  }

  /**
   * The ring over the servers alive. `ejection: 'rebuild'` as libmemcached and twemproxy do it;
   * indexes stay those of this ring's `servers`.
   *
   * @throws MintringError MINTRING_NO_SERVERS when none is alive.
   */
  rebuiltOver(live: Live): Ring<Server> {
    return new Ring(this.servers, this.#options, live)
  }

  /** This ring without a server, given by its index, its address or name, or the entry itself. */
  without(server: Server | number | string): Ring<Server> {
    const gone = this.#position(server)
    return createRing(
      this.servers.filter((_, index) => index !== gone),
      this.#options,
    )
  }

  /** This ring with more servers at the end of the list. */
  with(...added: readonly Server[]): Ring<Server> {
    return createRing([...this.servers, ...added], this.#options)
  }

  /** This ring with another weight for one server. */
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
   * What becomes of `keys` when this ring is replaced by `other`: how many change server, and how
   * many of those have nothing to do with the servers that were added, removed or given another
   * weight.
   */
  diff(other: Ring, keys: Iterable<Key>): Difference {
    return differenceBetween(this, other, this.changeTo(other), keys)
  }

  /** Which servers differ between this ring and `other`, matched by name or address. */
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

/** A server that `reweight` made. */
export type ReweightedServer = Omit<ParsedServer, 'label'>

function membersOf(parsed: readonly ParsedServer[], live: Live | undefined): Member[] {
  const members = parsed.map((server, index) => ({ ...server, index }))
  return live === undefined ? members : members.filter((member) => live[member.index])
}

/**
 * Builds the ring of `servers`. It is ready when this returns, for every hash; with `xxh32` and
 * `xxh64`, `await loadHash('xxh64')` before the first lookups avoids their slower start.
 *
 * @throws MintringError MINTRING_NO_SERVERS for an empty list, MINTRING_BAD_SERVER for a server
 * that cannot be, MINTRING_DUPLICATE_SERVER for two servers of one label, MINTRING_BAD_BEHAVIOR for
 * an unknown or ill-typed option.
 */
export function createRing<Server extends RingServer>(
  servers: readonly Server[],
  options: RingOptions = {},
): Ring<Server> {
  if (!Array.isArray(servers)) {
    throw new MintringError('MINTRING_BAD_SERVER', 'createRing takes an array of servers')
  }
  const ring = new Ring(servers, Object.freeze({ ...options }))
  void loadHash(ring.hash)
  return ring
}
