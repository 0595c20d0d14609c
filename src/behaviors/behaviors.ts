// Made from the table of rows by scripts/docs-behaviors.mjs.
import type { ConnectionOptions } from 'node:tls'
import type { Failover } from '../hosts/policy.ts'
import type { LaneBounds } from '../net/lanes.ts'
import type { Seconds } from '../refill/policy.ts'
import type { compat } from '../ring/compat.ts'
import type { HashName } from '../ring/hashes/registry.ts'
import type { DistributionName } from '../ring/options.ts'
import type { Discovery, Previous, Serializer } from './types.ts'

/** The settings of a client, with all defaults filled in. See docs/behaviors.md. */
export interface Behaviors {
  /**
   * The client whose placement to copy: sets `distribution`, `hash` and related behaviors.
   * Behaviors that you set yourself take precedence over the preset. Default: unset.
   */
  readonly preset: keyof typeof compat | undefined
  /**
   * How the ring maps hashes to hosts. All processes that share a cache must use the same
   * distribution. Default: `ketama`.
   */
  readonly distribution: DistributionName
  /**
   * How the ring hashes keys. Unset: the distribution's own hash (md5 for ketama). Default:
   * unset.
   */
  readonly hash: HashName | undefined
  /**
   * Two characters, such as `{}`. Only the part of a key between them is hashed. So the keys
   * `user:{42}:name` and `user:{42}:mail` are on the same host. Default: unset.
   */
  readonly hashTag: string | undefined
  /**
   * Text in front of every key on the wire. It counts towards the 250 bytes of a key. Default:
   * ``.
   */
  readonly keyPrefix: string
  /**
   * Whether the ring hashes the prefix with the key. By default libmemcached hashes the key
   * alone; npm memcached and Dalli hash both. Default: `false`.
   */
  readonly hashWithPrefixKey: boolean
  /**
   * Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build weighted rings. Unset:
   * these rings are weighted if a server has a weight other than 1. Default: unset.
   */
  readonly weighted: boolean | undefined
  /**
   * The order in which servers are numbered. Unset: the distribution's own order. `listed`
   * keeps the order of the list; `name` sorts by name, like twemproxy. `hostname` sorts by host
   * name, like libmemcached's SORT_HOSTS. Default: unset.
   */
  readonly serverOrder: 'listed' | 'hostname' | 'name' | undefined
  /**
   * The hash of the labels in `ketamaUnweighted` and `ketamaSpy`. Unset: the key hash. Default:
   * unset.
   */
  readonly pointHash: HashName | undefined
  /**
   * The format of the server labels that `spymemcached` and `hashring` hash. Unset: the format
   * of the client whose placement is copied. Default: unset.
   */
  readonly labelFormat: 'libmemcached' | 'spymemcached' | 'full' | undefined
  /**
   * How many labels a server of average weight has in `cacheMemcachedFast` and `hashring`.
   * Unset: 150 in `cacheMemcachedFast` (whose `ketama_points` it is), 40 in `hashring`.
   * Default: unset.
   */
  readonly vnodes: number | undefined
  /**
   * Points per label in `hashring`: 4, or 3 for its `compatibility: 'hash_ring'`. Default:
   * unset.
   */
  readonly replicas: number | undefined
  /** The number of slots in `maglev`: a prime. Unset: 65,537. Default: unset. */
  readonly tableSize: number | undefined
  /**
   * Whether a server may be listed twice. MemcachedClient always rejects it: use weights.
   * `allow` is for presets and `createRing` only: to place keys like clients that allow it.
   * Default: `reject`.
   */
  readonly duplicates: 'reject' | 'allow'
  /**
   * Whether a host that keeps failing is removed from the ring until it replies again. Default:
   * `true`.
   */
  readonly autoEjectHosts: boolean
  /** How many consecutive failures eject a host. Default: `2`. */
  readonly serverFailureLimit: number
  /**
   * How long after its ejection a host is first probed. Probes run in the background. Default:
   * `2000`.
   */
  readonly retryTimeoutMs: number
  /**
   * The longest pause between two probes of an ejected host. The first pause is
   * `retryTimeoutMs`, and later ones are at least a tenth of the outage. After a host that
   * failed again soon, the first pause is twice as long. Default: `30000`.
   */
  readonly deadTimeoutMs: number
  /**
   * What to do about a slow host. `report` emits the event `slow` and marks it in `hosts()`.
   * `eject` also ejects the slow host like a failed one. `bypass` also lets `getOrSet` load
   * values without asking the slow host. A host is slow if for 3 s its replies take 20 ms or
   * more, and 10 times the others' time. Default: `report`.
   */
  readonly slowHosts: 'report' | 'eject' | 'bypass'
  /**
   * Whether the only host of a list can be ejected. By default a lone host stays in the ring,
   * because its keys have no other place. The client then reconnects to the lone host within a
   * tenth of a second. Default: `false`.
   */
  readonly ejectLoneHost: boolean
  /**
   * What happens to the keys of an ejected host. `rehash` places them on the other hosts.
   * `miss` returns a miss for reads and drops writes. `error` rejects reads and writes. `{
   * gutter: servers, ttl }` uses stand-by hosts, which keep items for `ttl` s at most. Default:
   * `rehash`.
   */
  readonly failover: Failover
  /**
   * How `rehash` finds another host for the keys of a dead one. `skip` takes the next live host
   * of the full ring: only keys of the dead host move. `rebuild` makes a ring without the dead
   * host, as libmemcached and twemproxy do. Default: `skip`.
   */
  readonly ejection: 'skip' | 'rebuild'
  /**
   * What a host that returns keeps. `trust`: all keys except those that changed meanwhile.
   * `flush`: nothing, because the client flushes the host when it returns. A flush is for all
   * processes, even if only this client's connection had failed. Default: `trust`.
   */
  readonly onReturn: 'trust' | 'flush'
  /**
   * How many changed keys the client remembers, at most, for each host that is away. A
   * remembered key takes about 200 bytes. Further keys go into a filter of 2 MB. The filter
   * also matches a few keys that did not change. A key that matches is deleted from the
   * returned host before it is read. Default: `100000`.
   */
  readonly maxOwedKeys: number
  /**
   * The period in which writes also delete the key on its first fallback host. The period
   * starts after a failed attempt, an ejection, or the return of a host. The extra delete is
   * needed because other processes may still read the fallback host. Deletes and invalidations
   * always include the fallback host; with 0, no other write does. After a return, reads check
   * the fallback host for changes, for up to this period; 0: never. Default: `10000`.
   */
  readonly precautionsMs: number
  /**
   * How long fallback hosts count the keys that a host missed, for processes that start later.
   * A process finds out in its handshakes whether a host missed any. With 0 nothing is counted
   * or asked: after a restart, only the TTL limits the age of what a host returns that kept its
   * memory during an outage. Default: `3600`.
   */
  readonly missedTtl: number
  /**
   * How many times to retry a command that is safe to repeat, on another host if possible.
   * Default: `1`.
   */
  readonly retries: number
  /**
   * Whether to retry `set`, `delete` and `touch` if the server may have executed them. Default:
   * `true`.
   */
  readonly retryWrites: boolean
  /**
   * The timeout for opening a connection: DNS, TCP, TLS and authentication together. Default:
   * `500`.
   */
  readonly connectTimeoutMs: number
  /**
   * The timeout of one attempt on one host, including connecting and queueing. An operation
   * ends within requestTimeoutMs × (1 + retries). Default: `500`.
   */
  readonly requestTimeoutMs: number
  /**
   * How many connections the client opens to each host. Default: `{ min: 1, max: 2, idleMs:
   * 60000 }`.
   */
  readonly connections: LaneBounds
  /**
   * How many commands may wait for one host. Beyond this limit, commands reject at once with
   * MINTRING_OVERLOADED. Default: `10000`.
   */
  readonly maxQueuedPerHost: number
  /**
   * Whether refills may use meta commands. `auto` finds out what each host supports. Default:
   * `auto`.
   */
  readonly protocol: 'auto' | 'meta' | 'classic'
  /**
   * TLS to every host: `true`, or options of `tls.connect` (ca, cert, key, servername, …).
   * Certificates are verified unless the TLS options turn verification off. Default: `false`.
   */
  readonly tls: boolean | ConnectionOptions
  /**
   * User name for ASCII authentication (`memcached -Y`). A server that is listed with a user
   * name of its own uses that one. Default: unset.
   */
  readonly username: string | undefined
  /**
   * Password for ASCII authentication. Never shown in errors, events or inspect output.
   * Default: unset.
   */
  readonly password: string | undefined
  /** Whether to send data at once (turns Nagle's algorithm off). Default: `true`. */
  readonly tcpNoDelay: boolean
  /**
   * How long a connection may be idle before TCP checks that the peer is still there. With 0,
   * TCP does not check idle connections. Default: `30000`.
   */
  readonly tcpKeepAliveMs: number
  /**
   * Whether the process may exit while connections are open. With `true`, a script ends without
   * `close()` once its operations have settled. Default: `false`.
   */
  readonly unref: boolean
  /**
   * The server's item size limit (`memcached -I`), which includes key and item header. Larger
   * values reject unsent: a server that refuses a value deletes the old one. Default:
   * `1048576`.
   */
  readonly maxItemBytes: number
  /**
   * What to do with values over maxItemBytes: reject them, or split them over several items. A
   * read returns the whole value or a miss. Default: `reject`.
   */
  readonly largeValues: 'reject' | 'split'
  /**
   * Values larger than this are compressed if that makes them smaller. Unset: values are stored
   * without compression. Reads always decompress. Default: unset.
   */
  readonly compressAboveBytes: number | undefined
  /** The compression format. nginx can serve `gzip`; `zstd` needs Node 22.15. Default: `gzip`. */
  readonly compression: 'gzip' | 'brotli' | 'zstd'
  /**
   * The size limit of a value after decompression; reading a larger value rejects. The limit
   * protects against small values that are crafted to fill the memory. Default: `67108864`.
   */
  readonly maxDecompressedBytes: number
  /**
   * Encodes and decodes values that are neither strings nor bytes. Unset: JSON. Pass an object
   * `{ serialize, deserialize }`; both may be sync or async. Default: unset.
   */
  readonly serializer: Serializer | undefined
  /**
   * The client whose flags mintring writes and reads, so that both clients can share values.
   * Default: `mintring`.
   */
  readonly valueFlags: 'mintring' | 'pylibmc' | 'pymemcache' | 'php' | 'memcached'
  /**
   * What to do with keys over 250 bytes, prefix included: reject them, or store a digest. `md5`
   * is the digest of npm memcached, for a cache that is shared with it. Default: `reject`.
   */
  readonly longKeys: 'reject' | 'hash' | 'md5'
  /**
   * Whether a failed read rejects or returns a miss. Failed reads that return a miss are
   * counted and reported to observers. Default: `throw`.
   */
  readonly onError: 'throw' | 'miss'
  /**
   * Whether diagnostics channels and spans may contain keys. They never contain values.
   * Default: `false`.
   */
  readonly traceKeys: boolean
  /**
   * Where the client gets its server list from while it runs. `{ endpoint, intervalMs }` asks a
   * configuration endpoint of ElastiCache or Memorystore. `{ dns, intervalMs }` resolves a
   * name. `{ servers, intervalMs }` calls your function. `timeoutMs` limits each lookup. If the
   * list keeps changing, the client waits until it is stable. Default: unset.
   */
  readonly discovery: Discovery | undefined
  /**
   * How long values move to their new hosts after a change of servers; at least `announce`.
   * Also how long a host that was restarted gets values from its fallback hosts. With 0 no
   * values move: keys that change host are loaded again. Default: `600`.
   */
  readonly handover: number
  /**
   * How long processes may disagree on the server list after a change. Until then all processes
   * read from the old hosts. Unset: a minute, or twice the interval of `discovery` if that is
   * longer. Default: unset.
   */
  readonly announce: number | undefined
  /**
   * The placement before this one, for deploys and migrations. Pass `{ servers }`, and the
   * placement behaviors, `keyPrefix` or credentials that changed. Values move from there to the
   * new hosts; after the handover `previous` has no effect. The environment variable names the
   * previous servers alone. Default: unset.
   */
  readonly previous: Previous | undefined
  /**
   * For how long after its TTL a stale value is served while one client refills it. Default:
   * `60`.
   */
  readonly staleWhileRevalidate: number
  /**
   * For how long after its TTL a stale value is served if the loader fails. Unset: the same as
   * staleWhileRevalidate. Default: unset.
   */
  readonly staleIfError: number | undefined
  /**
   * How long a client may refill a key without a sign of life before another takes over. A live
   * client renews its lease. Default: `10`.
   */
  readonly lease: number
  /**
   * How long before the end of its TTL a value is refilled in the background. `auto`: as long
   * before as recent loads took, at most half of the TTL. Default: `0`.
   */
  readonly earlyRefresh: number | 'auto'
  /**
   * The largest share of a TTL that is randomly subtracted. Keys that were stored together then
   * do not expire together. Default: `0.05`.
   */
  readonly jitter: number
  /** How long a caller waits for a fresh value before it gets the stale one. Default: `0`. */
  readonly staleTimeoutMs: number
  /** How long a loader may run before it is aborted. Default: `30000`. */
  readonly loaderTimeoutMs: number
  /**
   * How long a caller waits for the load of another caller if there is no stale value. Default:
   * `5000`.
   */
  readonly waitTimeoutMs: number
  /**
   * What a caller gets after waitTimeoutMs: an error (`throw`), `undefined`, or a value. With
   * `load` the caller loads the value itself, without storing it. Default: `load`.
   */
  readonly onWaitTimeout: 'load' | 'undefined' | 'throw'
  /**
   * How long all processes wait after a failed load before the next attempt. During this wait
   * callers get the stale value, or the error at once if there is none. Default: `5`.
   */
  readonly errorBackoff: number
  /**
   * How long a `null` from the loader is cached; `false` means not at all. A loader result of
   * `undefined` is never cached. Default: `false`.
   */
  readonly negativeTtl: number | false
  /**
   * Whether callers that share a read or a load get the same object instead of one each.
   * Sharing saves decoding, but a change that one caller makes is visible to the others.
   * Default: `false`.
   */
  readonly sharedValues: boolean
  /**
   * Where to mark a key as being loaded: in its own item (`inline`), or in a second item. Use
   * the second item (`sidecar`) for keys that nginx or other clients read. Default: `inline`.
   */
  readonly placeholder: 'inline' | 'sidecar'
}

/** The behaviors that are lifetimes. They also accept '5m'. */
export type DurationName =
  | 'missedTtl'
  | 'handover'
  | 'announce'
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'lease'
  | 'earlyRefresh'
  | 'errorBackoff'
  | 'negativeTtl'

/** The settings to pass. Lifetimes may be durations, such as '5m'. */
export type BehaviorsInput = {
  readonly [Name in keyof Behaviors]?:
    | (Name extends DurationName ? Behaviors[Name] | Seconds : never)
    | (Name extends 'connections' ? Partial<LaneBounds> : Behaviors[Name])
    | undefined
}
