import type { HashName } from './hashes/registry.ts'

/** The distributions. docs/ring.md lists the client that each one matches. */
export type DistributionName =
  | 'ketama'
  | 'ketamaUnweighted'
  | 'ketamaSpy'
  | 'twemproxy'
  | 'twemproxyModula'
  | 'modula'
  | 'modulaWeighted'
  | 'nginx'
  | 'nginxHash'
  | 'cacheMemcachedFast'
  | 'dalli'
  | 'spymemcached'
  | 'hashring'
  | 'pymemcache'
  | 'pythonMemcached'
  | 'memjs'
  | 'jump'
  | 'maglev'
  | 'rendezvous'

/**
 * How a ring places keys. Unknown fields are ignored, so that you can pass a `compat` preset or all
 * behaviors of a client.
 */
export interface RingOptions {
  /** How hashes become servers. Default: `ketama`, libmemcached's KETAMA_WEIGHTED. */
  readonly distribution?: DistributionName | undefined
  /** The key hash. Default: the distribution's own, such as `md5` for ketama. */
  readonly hash?: HashName | undefined
  /**
   * The hash of the labels in `ketamaUnweighted` and `ketamaSpy`. Default: the key hash. In
   * libmemcached they differ if HASH was set after the ring was built.
   */
  readonly pointHash?: HashName | undefined
  /** Two characters: only the part of a key between them is hashed (twemproxy's `hash_tag`). */
  readonly hashTag?: string | undefined
  /**
   * What a client does about dead servers. `skip` (default): only the keys of a dead server move,
   * to where the distribution's own failover sends them (`Ring.indexOfLive`). `rebuild`: the ring
   * is built from the live servers alone, as in libmemcached and twemproxy (`Ring.rebuiltOver`).
   */
  readonly ejection?: 'skip' | 'rebuild' | undefined
  /**
   * Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build the weighted form of their
   * ring. Default: true if a server has a weight other than 1, as in those clients. `modula` uses
   * weights only with `true`.
   */
  readonly weighted?: boolean | undefined
  /**
   * The order in which servers are numbered. `hostname` is libmemcached's SORT_HOSTS; `name` is the
   * order of twemproxy, and the default of its distributions. All others default to `listed`.
   */
  readonly serverOrder?: 'listed' | 'hostname' | 'name' | undefined
  /**
   * How `spymemcached` and `hashring` label a server. `libmemcached` omits port 11211; `full` is
   * hashring's `host:port`; `spymemcached` is `name/ip:port`. Default: the client's own.
   */
  readonly labelFormat?: 'libmemcached' | 'spymemcached' | 'full' | undefined
  /**
   * Labels of a server of average weight in `cacheMemcachedFast` (its `ketama_points`; default 150)
   * and `hashring` (default 40).
   */
  readonly vnodes?: number | undefined
  /** Points per label of `hashring`, 1 to 4. Default 4; its `compatibility: 'hash_ring'` uses 3. */
  readonly replicas?: number | undefined
  /** Slots of `maglev`: a prime. Default 65,537. */
  readonly tableSize?: number | undefined
  /**
   * `allow` accepts the same server twice, as libmemcached, Dalli and Perl do. Default: `reject`.
   */
  readonly duplicates?: 'reject' | 'allow' | undefined
}
