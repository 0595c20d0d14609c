// Made from the table of rows by scripts/docs-behaviors.mjs.
import type { ConnectionOptions } from 'node:tls'
import type { Failover } from '../hosts/policy.ts'
import type { LaneBounds } from '../net/lanes.ts'
import type { Seconds } from '../refill/policy.ts'
import type { compat } from '../ring/compat.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { DistributionName } from '../ring/options.ts'
import type { Discovery, Previous, Serializer } from './types.ts'

/** The settings of a client, all filled in. docs/behaviors.md explains them. */
export interface Behaviors {
  /**
   * Another client's placement in one word: distribution, hash and what goes with them.
   * Settings beside it go before it. Default: unset.
   */
  readonly preset: keyof typeof compat | undefined
  /**
   * Which client places keys the same way: every process that shares the cache must agree.
   * Default: `ketama`.
   */
  readonly distribution: DistributionName
  /** How a key becomes a number. Unset: the distribution's own (md5 for ketama). Default: unset. */
  readonly hash: HashName | undefined
  /**
   * Two characters, such as `{}`: only what stands between them is hashed, so that
   * `user:{42}:name` and `user:{42}:mail` share a host. Default: unset.
   */
  readonly hashTag: string | undefined
  /** Put before every key on the wire. It counts towards the 250 bytes of a key. Default: ``. */
  readonly keyPrefix: string
  /**
   * Whether the ring hashes the prefix too. libmemcached does not by default; npm memcached and
   * Dalli do. Default: `false`.
   */
  readonly hashWithPrefixKey: boolean
  /**
   * Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build the weighted form of their
   * ring. Unset: when a server has a weight other than 1. Default: unset.
   */
  readonly weighted: boolean | undefined
  /**
   * The order servers are numbered in: as listed, by host name (libmemcached's SORT_HOSTS) or
   * by name (twemproxy). Unset: the distribution's own. Default: unset.
   */
  readonly serverOrder: 'listed' | 'hostname' | 'name' | undefined
  /**
   * The hash of the labels in `ketamaUnweighted` and `ketamaSpy`. Unset: the key hash. Default:
   * unset.
   */
  readonly pointHash: HashName | undefined
  /**
   * How `spymemcached` and `hashring` write a server's label. Unset: as that client does.
   * Default: unset.
   */
  readonly labelFormat: 'libmemcached' | 'spymemcached' | 'full' | undefined
  /**
   * Labels per server of average weight in `cacheMemcachedFast` (its `ketama_points`, 150) and
   * `hashring` (40). Default: unset.
   */
  readonly vnodes: number | undefined
  /**
   * Points per label in `hashring`: 4, or 3 for its `compatibility: 'hash_ring'`. Default:
   * unset.
   */
  readonly replicas: number | undefined
  /** Slots of `maglev`, a prime; 65,537 when unset. Default: unset. */
  readonly tableSize: number | undefined
  /**
   * For presets and `createRing`, which can place like clients that allow one server twice. A
   * client of mintring never does: give weights. Default: `reject`.
   */
  readonly duplicates: 'reject' | 'allow'
  /** Whether a host that keeps failing leaves the ring until it answers again. Default: `true`. */
  readonly autoEjectHosts: boolean
  /** How many failures in a row eject a host. Default: `2`. */
  readonly serverFailureLimit: number
  /**
   * How long an ejected host is left alone before it is probed in the background. Default:
   * `2000`.
   */
  readonly retryTimeoutMs: number
  /**
   * The longest pause between two probes of a host that stays dead: the pause doubles up to it.
   * Default: `30000`.
   */
  readonly deadTimeoutMs: number
  /**
   * What becomes of a host whose replies take at least 20 ms and ten times as long as those of
   * its peers, for three seconds: `report` tells (event `slow`, `hosts()`), `eject` also takes
   * it out of the ring as a failed one, `bypass` lets `getOrSet` load without it. Default:
   * `report`.
   */
  readonly slowHosts: 'report' | 'eject' | 'bypass'
  /**
   * Whether the only host of a list is ejected as others are. Its keys have no other place, so
   * it stays in the ring by default and is dialled again within a tenth of a second. Default:
   * `false`.
   */
  readonly ejectLoneHost: boolean
  /**
   * What becomes of an ejected host's keys: `rehash` places them on the others, `miss` answers
   * reads with a miss and drops writes, `error` rejects, `{ gutter: servers, ttl }` sends them
   * to stand-by hosts for at most `ttl` seconds. Default: `rehash`.
   */
  readonly failover: Failover
  /**
   * `skip` walks on to the next live host of the full ring, so that only the dead host's keys
   * move; `rebuild` makes a ring without it, as libmemcached and twemproxy do. Default: `skip`.
   */
  readonly ejection: 'skip' | 'rebuild'
  /**
   * Whether a host that comes back keeps what it held, but for the keys that changed meanwhile.
   * `flush` empties it, for all processes: also when only the way of this one to the host was
   * bad. Default: `trust`.
   */
  readonly onReturn: 'trust' | 'flush'
  /**
   * How many keys that changed while a host was away are remembered one by one, for each host
   * (some 200 bytes each). Beyond that a filter of 2 MB knows them: then a few other keys are
   * removed from the host before they are read. Default: `100000`.
   */
  readonly maxOwedKeys: number
  /**
   * For how long after a failed attempt, and after a host went or came back, writes also delete
   * the key on its first fallback host, which processes may read that see its home as down.
   * Deletes and invalidations always do. 0: no other write does. Default: `10000`.
   */
  readonly precautionsMs: number
  /** How often a command that is safe to repeat may try another place. Default: `1`. */
  readonly retries: number
  /**
   * Whether `set`, `delete` and `touch` are repeated when it is unknown whether the server
   * executed them. Default: `true`.
   */
  readonly retryWrites: boolean
  /**
   * How long one connection may take to be usable: DNS, TCP, TLS and authentication together.
   * Default: `500`.
   */
  readonly connectTimeoutMs: number
  /**
   * How long one attempt on one host may take, dialling and queueing included. An operation
   * ends within requestTimeoutMs × (1 + retries). Default: `500`.
   */
  readonly requestTimeoutMs: number
  /** How many connections each host gets. Default: `{ min: 1, max: 2, idleMs: 60000 }`. */
  readonly connections: LaneBounds
  /**
   * How many commands may wait for one host. Beyond it they reject at once with
   * MINTRING_OVERLOADED. Default: `10000`.
   */
  readonly maxQueuedPerHost: number
  /**
   * Whether refills may use the meta commands: `auto` asks each host what it can do. Default:
   * `auto`.
   */
  readonly protocol: 'auto' | 'meta' | 'classic'
  /**
   * TLS to every host: `true`, or options of `tls.connect` (ca, cert, key, servername, …).
   * Certificates are verified unless you say otherwise. Default: `false`.
   */
  readonly tls: boolean | ConnectionOptions
  /**
   * User name for ASCII authentication (`memcached -Y`), for servers that name none themselves.
   * Default: unset.
   */
  readonly username: string | undefined
  /**
   * Password for ASCII authentication. Never shown in errors, events or inspect output.
   * Default: unset.
   */
  readonly password: string | undefined
  /** Send at once instead of waiting for more (turns Nagle's algorithm off). Default: `true`. */
  readonly tcpNoDelay: boolean
  /**
   * How long a connection may be silent before TCP asks whether the other end is there; 0 never
   * asks. Default: `30000`.
   */
  readonly tcpKeepAliveMs: number
  /**
   * Whether open connections let the process end: a script then ends when its own work does,
   * without `close()`. An operation under way holds the process until it settles. Default:
   * `false`.
   */
  readonly unref: boolean
  /**
   * The server's item size limit (`memcached -I`), key and bookkeeping included. Larger values
   * reject before they are sent, because a server that refuses a value deletes the old one.
   * Default: `1048576`.
   */
  readonly maxItemBytes: number
  /**
   * What to do with values over maxItemBytes: reject them, or split them over several items
   * that are read all or not at all. Default: `reject`.
   */
  readonly largeValues: 'reject' | 'split'
  /**
   * Values of more bytes than this are compressed if that makes them smaller. Unset: nothing is
   * compressed. Compressed values are always read. Default: unset.
   */
  readonly compressAboveBytes: number | undefined
  /**
   * How values are compressed. nginx reads `gzip`; `zstd` needs a Node that has it (22.15).
   * Default: `gzip`.
   */
  readonly compression: 'gzip' | 'brotli' | 'zstd'
  /**
   * The most a compressed value may unfold to; a larger one rejects. It guards against a small
   * value made to fill the memory. Default: `67108864`.
   */
  readonly maxDecompressedBytes: number
  /**
   * Writes and reads the values that are neither strings nor bytes: `{ serialize, deserialize
   * }`, sync or async. Unset: JSON. Default: unset.
   */
  readonly serializer: Serializer | undefined
  /**
   * Whose flags are read, and written, when a value's flags are not mintring's own. Default:
   * `mintring`.
   */
  readonly valueFlags: 'mintring' | 'pylibmc' | 'pymemcache' | 'php' | 'memcached'
  /**
   * What to do with keys over 250 bytes (prefix included): reject them, or replace them by a
   * digest; `md5` is npm memcached's, to share a cache with it. Default: `reject`.
   */
  readonly longKeys: 'reject' | 'hash' | 'md5'
  /**
   * Whether a failed read rejects or looks like a miss. Misses made this way are counted and
   * told to observers. Default: `throw`.
   */
  readonly onError: 'throw' | 'miss'
  /**
   * Whether diagnostics channels and spans may carry keys. Values are never carried. Default:
   * `false`.
   */
  readonly traceKeys: boolean
  /**
   * Where the server list comes from while running: `{ endpoint, intervalMs }` asks an
   * ElastiCache or Memorystore configuration endpoint, `{ dns, intervalMs }` resolves a name,
   * `{ servers, intervalMs }` calls a function of yours. `timeoutMs` ends a question that gets
   * no answer. A list that flaps is followed once it stays the same. Default: unset.
   */
  readonly discovery: Discovery | undefined
  /**
   * How long values may move to their new hosts after the servers changed; 0 turns it off: keys
   * that move are then loaded anew. At least `announce`. Default: `600`.
   */
  readonly handover: number
  /**
   * How long processes may differ on the list of servers when it changes: until then all read
   * where keys were. Unset: a minute, or twice the interval of `discovery` if that is longer.
   * Default: unset.
   */
  readonly announce: number | undefined
  /**
   * The placement that this one follows, for deploys and migrations: `{ servers }`, and what
   * else was different: a preset or placement behaviors, `keyPrefix`, credentials. Its values
   * are handed over. Once that is over it has no effect. Default: unset.
   */
  readonly previous: Previous | undefined
  /** How long after its TTL a value is served stale while one client refills it. Default: `60`. */
  readonly staleWhileRevalidate: number
  /**
   * How long after its TTL a value is served when the loader fails. Unset: as
   * staleWhileRevalidate. Default: unset.
   */
  readonly staleIfError: number | undefined
  /**
   * After how long another client takes over from a refiller that died. A live one renews it.
   * Default: `10`.
   */
  readonly lease: number
  /**
   * How long before its TTL ends a value is refilled in the background. `auto`: as long as
   * loads are seen to take, at most half of the TTL. Default: `0`.
   */
  readonly earlyRefresh: number | 'auto'
  /**
   * The share of a TTL that chance may take off, so that keys stored together do not expire
   * together. Default: `0.05`.
   */
  readonly jitter: number
  /** How long a caller waits for the fresh value before it gets the stale one. Default: `0`. */
  readonly staleTimeoutMs: number
  /** After how long a loader is aborted. Default: `30000`. */
  readonly loaderTimeoutMs: number
  /**
   * How long a caller waits for the load of another caller when it cannot be served. Default:
   * `5000`.
   */
  readonly waitTimeoutMs: number
  /**
   * What a caller gets when that wait is over: its own load (not stored), `undefined`, or an
   * error. Default: `load`.
   */
  readonly onWaitTimeout: 'load' | 'undefined' | 'throw'
  /**
   * How long the whole fleet waits after a failed load before it tries again. A stale value is
   * served meanwhile; without one callers get the error at once. Default: `5`.
   */
  readonly errorBackoff: number
  /**
   * How long a `null` from the loader is cached; `false` does not cache it. `undefined` never
   * is. Default: `false`.
   */
  readonly negativeTtl: number | false
  /**
   * Whether callers of one turn or one load get the same object instead of one each. It saves
   * decoding a value for each of them; what one changes, the others see. Default: `false`.
   */
  readonly sharedValues: boolean
  /**
   * Where the mark "being loaded" is kept: in the key itself, or beside it (`sidecar`), for
   * keys that nginx or other clients read. Default: `inline`.
   */
  readonly placeholder: 'inline' | 'sidecar'
}

/** The behaviors that are lifetimes: a text such as '5m' does too. */
export type DurationName =
  | 'handover'
  | 'announce'
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'lease'
  | 'earlyRefresh'
  | 'errorBackoff'
  | 'negativeTtl'

/** The settings a caller gives. Lifetimes may be durations, such as '5m'. */
export type BehaviorsInput = {
  readonly [Name in keyof Behaviors]?:
    | (Name extends DurationName ? Behaviors[Name] | Seconds : never)
    | (Name extends 'connections' ? Partial<LaneBounds> : Behaviors[Name])
    | undefined
}
