import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { compat } from '../../ring/compat.ts'
import { distributionNames } from '../../ring/distributions/registry.ts'
import { hashNames } from '../../ring/hashes/registry.ts'
import type { Row } from '../row.ts'

/** Leaves at least one byte for the key behind the prefix. */
const MAX_PREFIX_BYTES = 249

/** Which host a key is on. */
export const placementRows: readonly Row[] = [
  {
    name: 'preset',
    type: 'choice',
    choices: Object.keys(compat),
    typeText: 'keyof typeof compat | undefined',
    default: undefined,
    live: 'now',
    doc:
      'The client whose placement to copy: sets `distribution`, `hash` and related behaviors. ' +
      'Behaviors that you set yourself take precedence.',
  },
  {
    name: 'distribution',
    type: 'choice',
    choices: distributionNames,
    typeText: 'DistributionName',
    default: defaultClusterPolicy.distribution,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'distribution' },
      { dialect: 'libmemcached', name: 'DISTRIBUTION' },
      { dialect: 'twemproxy', name: 'distribution' },
    ],
    doc:
      'How the ring maps hashes to hosts. All processes that share the cache must use the same ' +
      'one.',
  },
  {
    name: 'hash',
    type: 'choice',
    choices: hashNames,
    typeText: 'HashName | undefined',
    default: undefined,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'hash' },
      { dialect: 'libmemcached', name: 'HASH' },
      { dialect: 'twemproxy', name: 'hash' },
      { dialect: 'memcached', name: 'algorithm' },
    ],
    doc: "How the ring hashes keys. Unset: the distribution's own hash (md5 for ketama).",
  },
  {
    name: 'hashTag',
    type: 'string',
    default: undefined,
    check: twoCharacters,
    live: 'now',
    aliases: [{ dialect: 'twemproxy', name: 'hash_tag' }],
    doc:
      'Two characters, such as `{}`. Only the part of a key between them is hashed, so that ' +
      '`user:{42}:name` and `user:{42}:mail` are on the same host.',
  },
  {
    name: 'keyPrefix',
    type: 'string',
    default: '',
    check: fitsInKey,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'namespace' },
      { dialect: 'libmemcached', name: 'NAMESPACE' },
      { dialect: 'memcached', name: 'namespace' },
    ],
    doc: 'Text in front of every key on the wire. It counts towards the 250 bytes of a key.',
  },
  {
    name: 'hashWithPrefixKey',
    type: 'boolean',
    default: false,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: '_hash_with_prefix_key', unit: 'flag' },
      { dialect: 'libmemcached', name: 'HASH-WITH-NAMESPACE', unit: 'flag' },
    ],
    doc:
      'Whether the ring hashes the prefix too. libmemcached does not by default; npm memcached ' +
      'and Dalli do.',
  },
  {
    name: 'weighted',
    type: 'boolean',
    default: undefined,
    live: 'now',
    aliases: [{ dialect: 'pylibmc', name: 'ketama_weighted', unit: 'flag' }],
    doc:
      'Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build the weighted form of ' +
      'their ring. Unset: they do if a server has a weight other than 1.',
  },
  {
    name: 'serverOrder',
    type: 'choice',
    choices: ['listed', 'hostname', 'name'],
    default: undefined,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: '_sort_hosts', unit: 'flag' },
      { dialect: 'libmemcached', name: 'SORT-HOSTS', unit: 'flag' },
    ],
    doc:
      "The order in which servers are numbered: as listed, by host name (libmemcached's " +
      "SORT_HOSTS) or by name (twemproxy). Unset: the distribution's own order.",
  },
  {
    name: 'pointHash',
    type: 'choice',
    choices: hashNames,
    typeText: 'HashName | undefined',
    default: undefined,
    live: 'now',
    doc: 'The hash of the labels in `ketamaUnweighted` and `ketamaSpy`. Unset: the key hash.',
  },
  {
    name: 'labelFormat',
    type: 'choice',
    choices: ['libmemcached', 'spymemcached', 'full'],
    default: undefined,
    live: 'now',
    doc:
      "The format of server labels in `spymemcached` and `hashring`. Unset: that client's own " +
      'format.',
  },
  {
    name: 'vnodes',
    type: 'integer',
    default: undefined,
    min: 1,
    max: 65_536,
    live: 'now',
    doc:
      'Labels of a server of average weight in `cacheMemcachedFast` (its `ketama_points`; 150 ' +
      'if unset) and `hashring` (40 if unset).',
  },
  {
    name: 'replicas',
    type: 'integer',
    default: undefined,
    min: 1,
    max: 4,
    live: 'now',
    doc: "Points per label in `hashring`: 4, or 3 for its `compatibility: 'hash_ring'`.",
  },
  {
    name: 'tableSize',
    type: 'integer',
    default: undefined,
    min: 2,
    max: 16_777_216,
    live: 'now',
    doc: 'The number of slots in `maglev`: a prime. Unset: 65,537.',
  },
  {
    name: 'duplicates',
    type: 'choice',
    choices: ['reject', 'allow'],
    default: 'reject',
    live: 'now',
    doc:
      'Whether a server may be listed twice. `allow` is for presets and `createRing` only, to ' +
      'place keys like clients that allow it. MemcachedClient always rejects duplicates: use ' +
      'weights.',
  },
]

function twoCharacters(value: unknown): string | undefined {
  return /^[!-~]{2}$/.test(String(value)) ? undefined : 'takes two characters, such as "{}"'
}

function fitsInKey(value: unknown): string | undefined {
  const prefix = String(value)
  // On the wire, control characters and spaces would end the key.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the prefix must not have any
  if (/[\x00-\x20\x7f]/.test(prefix)) return 'must not contain spaces or control characters'
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) {
    return `takes at most ${MAX_PREFIX_BYTES} bytes, to leave room for a key`
  }
  return undefined
}
