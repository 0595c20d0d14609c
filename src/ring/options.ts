import type { HashName } from './hashes/registry.ts'

/** The distributions. docs/ring.md says which client each one matches. */
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
 * How a ring places keys. Fields it does not know are ignored, so that a `compat` preset or a
 * client's whole behaviors may be passed.
 */
export interface RingOptions {
  /** `ketama` (libmemcached's KETAMA_WEIGHTED) by default. */
  readonly distribution?: DistributionName | undefined
  /** The key hash; the distribution's own by default (`md5` for ketama). */
  readonly hash?: HashName | undefined
  /**
   * The hash of the labels in `ketamaUnweighted` and `ketamaSpy`; the key hash by default. Differs
   * in libmemcached when HASH was set after the ring was built.
   */
  readonly pointHash?: HashName | undefined
  /** Two characters: only the part of a key between them is hashed (twemproxy's `hash_tag`). */
  readonly hashTag?: string | undefined
  /**
   * What a client does about dead servers: `skip` (default) moves their keys alone, to where the
   * distribution's own failover goes (`Ring.indexOfLive`); `rebuild` places over the live servers
   * as if the others had never been listed, as libmemcached and twemproxy do (`Ring.rebuiltOver`).
   */
  readonly ejection?: 'skip' | 'rebuild' | undefined
  /**
   * Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build the weighted form of their
   * ring. By default they do when a server has a weight other than 1, as those clients do. `modula`
   * counts weights with `true` alone.
   */
  readonly weighted?: boolean | undefined
  /**
   * `hostname` is libmemcached's SORT_HOSTS, `name` twemproxy's order (its default); else as
   * listed.
   */
  readonly serverOrder?: 'listed' | 'hostname' | 'name' | undefined
  /**
   * How `spymemcached` and `hashring` label a server: `libmemcached` leaves port 11211 out; `full`
   * is hashring's `host:port`, `spymemcached` is `name/ip:port`. The client's own by default.
   */
  readonly labelFormat?: 'libmemcached' | 'spymemcached' | 'full' | undefined
  /**
   * Labels per server of average weight: `cacheMemcachedFast` (`ketama_points`, 150) and `hashring`
   * (40).
   */
  readonly vnodes?: number | undefined
  /**
   * Points per label of `hashring`, 1 to 4; 4 by default, 3 for its `compatibility: 'hash_ring'`.
   */
  readonly replicas?: number | undefined
  /** Slots of `maglev`, a prime; 65,537 by default. */
  readonly tableSize?: number | undefined
  /** `allow` accepts one server twice, as libmemcached, Dalli and Perl do; `reject` by default. */
  readonly duplicates?: 'reject' | 'allow' | undefined
}
