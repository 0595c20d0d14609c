import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { compat } from '../../ring/compat.ts'
import { distributionNames } from '../../ring/distributions/registry.ts'
import { hashNames } from '../../ring/hashes/registry.ts'
import type { Row } from '../row.ts'

/** The longest prefix that leaves one of the 250 bytes of a wire key for the key itself. */
const MAX_PREFIX_BYTES = 249

/** The behaviors that decide which host a key is on. */
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
      'Behaviors that you set yourself take precedence over the preset.',
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
      'How the ring maps hashes to hosts. ' +
      'All processes that share a cache must use the same distribution.',
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
      'Two characters, such as `{}`. Only the part of a key between them is hashed. ' +
      'So the keys `user:{42}:name` and `user:{42}:mail` are on the same host.',
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
      'Whether the ring hashes the prefix with the key. ' +
      'By default libmemcached hashes the key alone; npm memcached and Dalli hash both.',
  },
  {
    name: 'weighted',
    type: 'boolean',
    default: undefined,
    live: 'now',
    aliases: [{ dialect: 'pylibmc', name: 'ketama_weighted', unit: 'flag' }],
    doc:
      'Whether `ketamaUnweighted`, `ketamaSpy` and `spymemcached` build weighted rings. ' +
      'Unset: these rings are weighted if a server has a weight other than 1.',
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
      "The order in which servers are numbered. Unset: the distribution's own order. " +
      '`listed` keeps the order of the list; `name` sorts by name, like twemproxy. ' +
      "`hostname` sorts by host name, like libmemcached's SORT_HOSTS.",
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
      'The format of the server labels that `spymemcached` and `hashring` hash. ' +
      'Unset: the format of the client whose placement is copied.',
  },
  {
    name: 'vnodes',
    type: 'integer',
    default: undefined,
    min: 1,
    max: 65_536,
    live: 'now',
    doc:
      'How many labels a server of average weight has in `cacheMemcachedFast` and `hashring`. ' +
      'Unset: 150 in `cacheMemcachedFast` (whose `ketama_points` it is), 40 in `hashring`.',
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
      'Whether a server may be listed twice. MemcachedClient always rejects it: use weights. ' +
      '`allow` is for presets and `createRing` only: to place keys like clients that allow it.',
  },
]

function twoCharacters(value: unknown): string | undefined {
  return /^[!-~]{2}$/.test(String(value)) ? undefined : 'takes two characters, such as "{}"'
}

function fitsInKey(value: unknown): string | undefined {
  const prefix = String(value)
  // memcached ends a key at a control character or a space.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the prefix must not have any
  if (/[\x00-\x20\x7f]/.test(prefix)) return 'must not contain spaces or control characters'
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) {
    return `takes at most ${MAX_PREFIX_BYTES} bytes, to leave room for a key`
  }
  return undefined
}
