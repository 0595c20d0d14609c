import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { compat } from '../../ring/compat.ts'
import { distributionNames } from '../../ring/distributions/registry.ts'
import { hashNames } from '../../ring/hashes/registry.ts'
import type { Row } from '../row.ts'

/** A key of one byte at least must fit behind the prefix. */
const MAX_PREFIX_BYTES = 249

/** Where a key lives. */
export const placementRows: readonly Row[] = [
  {
    name: 'preset',
    type: 'choice',
    choices: Object.keys(compat),
    typeText: 'keyof typeof compat | undefined',
    default: undefined,
    live: 'now',
    doc:
      "Another client's placement in one word: distribution, hash and what goes with them. " +
      'Settings beside it go before it.',
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
    doc: 'Which client places keys the same way: every process that shares the cache must agree.',
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
    doc: "How a key becomes a number. Unset: the distribution's own (md5 for ketama).",
  },
  {
    name: 'hashTag',
    type: 'string',
    default: undefined,
    check: twoCharacters,
    live: 'now',
    aliases: [{ dialect: 'twemproxy', name: 'hash_tag' }],
    doc:
      'Two characters, such as `{}`: only what stands between them is hashed, so that ' +
      '`user:{42}:name` and `user:{42}:mail` share a host.',
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
    doc: 'Put before every key on the wire. It counts towards the 250 bytes of a key.',
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
      'their ring. Unset: when a server has a weight other than 1.',
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
      "The order servers are numbered in: as listed, by host name (libmemcached's SORT_HOSTS) " +
      "or by name (twemproxy). Unset: the distribution's own.",
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
    doc: "How `spymemcached` and `hashring` write a server's label. Unset: as that client does.",
  },
  {
    name: 'vnodes',
    type: 'integer',
    default: undefined,
    min: 1,
    max: 65_536,
    live: 'now',
    doc:
      'Labels per server of average weight in `cacheMemcachedFast` (its `ketama_points`, 150) ' +
      'and `hashring` (40).',
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
    doc: 'Slots of `maglev`, a prime; 65,537 when unset.',
  },
  {
    name: 'duplicates',
    type: 'choice',
    choices: ['reject', 'allow'],
    default: 'reject',
    live: 'now',
    doc:
      'For presets and `createRing`, which can place like clients that allow one server twice. ' +
      'A client of mintring never does: give weights.',
  },
]

function twoCharacters(value: unknown): string | undefined {
  return /^[!-~]{2}$/.test(String(value)) ? undefined : 'takes two characters, such as "{}"'
}

function fitsInKey(value: unknown): string | undefined {
  const prefix = String(value)
  // Control characters and spaces end a key on the wire.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones to refuse
  if (/[\x00-\x20\x7f]/.test(prefix)) return 'cannot hold spaces or control characters'
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) {
    return `takes at most ${MAX_PREFIX_BYTES} bytes, to leave room for a key`
  }
  return undefined
}
