import type { HashName } from './hashes/registry.ts'
import type { DistributionName, RingOptions } from './options.ts'

/**
 * Ring options that place keys as another client does, and what that client does about dead hosts.
 */
export interface CompatPreset extends RingOptions {
  /** How the ring maps hashes to servers. */
  readonly distribution: DistributionName
  /** How the ring hashes keys. */
  readonly hash: HashName
  /** False if that client never ejects a host: the keys of a dead host fail. */
  readonly autoEjectHosts?: boolean
}

function preset(options: CompatPreset): CompatPreset {
  return Object.freeze(options)
}

// The distribution `twemproxy` ignores `serverOrder` and `weighted`; `modula` needs both.
const twemproxy = preset({
  distribution: 'twemproxy',
  hash: 'fnv1a_64',
  ejection: 'rebuild',
  serverOrder: 'name',
  weighted: true,
})
const spymemcached = preset({
  distribution: 'spymemcached',
  hash: 'md5',
  labelFormat: 'spymemcached',
  ejection: 'skip',
})
const hashring = preset({ distribution: 'hashring', hash: 'md5', ejection: 'rebuild' })

/**
 * Presets that place keys as other clients do. Spread one into the options of `createRing` or a
 * client, and override what your fleet overrides: `{ ...compat.twemproxy, hash: 'md5' }`.
 * docs/ring.md lists which clients agree with each other.
 */
export const compat = Object.freeze({
  /** libmemcached with KETAMA=1 (DISTRIBUTION consistent): 100 points, one_at_a_time. */
  libmemcached: preset({
    distribution: 'ketamaUnweighted',
    hash: 'one_at_a_time',
    ejection: 'rebuild',
    duplicates: 'allow',
  }),
  /**
   * libmemcached with KETAMA_WEIGHTED=1; pylibmc with `ketama_weighted`; PHP's
   * OPT_LIBKETAMA_COMPATIBLE.
   */
  libmemcachedWeighted: preset({
    distribution: 'ketama',
    hash: 'md5',
    ejection: 'rebuild',
    duplicates: 'allow',
  }),
  /** libmemcached with its defaults (MODULA, one_at_a_time), which never ejects. */
  libmemcachedModula: preset({
    distribution: 'modula',
    hash: 'one_at_a_time',
    autoEjectHosts: false,
    duplicates: 'allow',
  }),
  /** libmemcached's CONSISTENT_KETAMA_SPY. */
  libmemcachedSpy: preset({
    distribution: 'ketamaSpy',
    hash: 'one_at_a_time',
    ejection: 'rebuild',
    duplicates: 'allow',
  }),
  /** twemproxy with its defaults: ketama with fnv1a_64. */
  twemproxy,
  /** twemproxy's `distribution: modula`. */
  twemproxyModula: preset({ ...twemproxy, distribution: 'twemproxyModula' }),
  /** nginx's `hash $key consistent`. */
  nginx: preset({ distribution: 'nginx', hash: 'crc32a', ejection: 'skip', duplicates: 'allow' }),
  /** nginx's `hash $key`. */
  nginxHash: preset({
    distribution: 'nginxHash',
    hash: 'crc32',
    ejection: 'skip',
    duplicates: 'allow',
  }),
  /**
   * Perl's Cache::Memcached::Fast with `ketama_points => 150`; for another number, set `vnodes`.
   */
  cacheMemcachedFast: preset({
    distribution: 'cacheMemcachedFast',
    hash: 'crc32a',
    vnodes: 150,
    duplicates: 'allow',
  }),
  /** Perl's Cache::Memcached, and Cache::Memcached::Fast without `ketama_points`. */
  cacheMemcached: preset({ distribution: 'modulaWeighted', hash: 'crc32', duplicates: 'allow' }),
  /** Ruby's Dalli. */
  dalli: preset({ distribution: 'dalli', hash: 'crc32a', ejection: 'skip', duplicates: 'allow' }),
  /** Java's spymemcached with KetamaConnectionFactory. */
  spymemcached,
  /** spymemcached with `KetamaNodeKeyFormatter.Format.LIBMEMCACHED`. */
  spymemcachedLibmemcached: preset({ ...spymemcached, labelFormat: 'libmemcached' }),
  /** spymemcached with its defaults: ARRAY_MOD with String.hashCode. */
  spymemcachedModula: preset({ distribution: 'modula', hash: 'NATIVE_HASH', ejection: 'skip' }),
  /** npm hashring. */
  hashring,
  /** Placement of the npm package `memcached`. */
  memcached: preset({ ...hashring, labelFormat: 'libmemcached' }),
  /** Placement of the npm package `memjs`. */
  memjs: preset({ distribution: 'memjs', hash: 'java-hashCode', ejection: 'skip' }),
  /** Python's pymemcache HashClient. */
  pymemcache: preset({ distribution: 'pymemcache', hash: 'murmur3_32', ejection: 'skip' }),
  /** Python's python-memcached. */
  pythonMemcached: preset({
    distribution: 'pythonMemcached',
    hash: 'crc32',
    ejection: 'skip',
    duplicates: 'allow',
  }),
} as const satisfies Readonly<Record<string, CompatPreset>>)
