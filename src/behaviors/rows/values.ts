import { checkDiscovery, checkPrevious, checkSerializer } from '../check-object.ts'
import type { Row } from '../row.ts'

const MIB = 1_048_576
/** Half a day: a handover takes a day at most in all. */
const MAX_CHANGE_SECONDS = 43_200

/** Keys and values on the wire, failures as callers see them, what observers are told. */
export const valueRows: readonly Row[] = [
  {
    name: 'maxItemBytes',
    type: 'integer',
    unit: 'bytes',
    default: MIB,
    min: 1024,
    max: 1024 * MIB,
    live: 'now',
    aliases: [{ dialect: 'memcached', name: 'maxValue', unit: 'bytes' }],
    doc:
      "The server's item size limit (`memcached -I`), key and bookkeeping included. Larger " +
      'values reject before they are sent, because a server that refuses a value deletes the ' +
      'old one.',
  },
  {
    name: 'largeValues',
    type: 'choice',
    choices: ['reject', 'split'],
    default: 'reject',
    live: 'now',
    doc:
      'What to do with values over maxItemBytes: reject them, or split them over several items ' +
      'that are read all or not at all.',
  },
  {
    name: 'compressAboveBytes',
    type: 'integer',
    unit: 'bytes',
    default: undefined,
    min: 0,
    max: 1024 * MIB,
    live: 'now',
    doc:
      'Values of more bytes than this are compressed if that makes them smaller. Unset: nothing ' +
      'is compressed. Compressed values are always read.',
  },
  {
    name: 'compression',
    type: 'choice',
    choices: ['gzip', 'brotli', 'zstd'],
    default: 'gzip',
    live: 'now',
    doc: 'How values are compressed. nginx reads `gzip`; `zstd` needs a Node that has it (22.15).',
  },
  {
    name: 'maxDecompressedBytes',
    type: 'integer',
    unit: 'bytes',
    default: 64 * MIB,
    min: 1024,
    max: 2047 * MIB,
    live: 'now',
    doc:
      'The most a compressed value may unfold to; a larger one rejects. It guards against a ' +
      'small value made to fill the memory.',
  },
  {
    name: 'serializer',
    type: 'object',
    typeText: 'Serializer | undefined',
    default: undefined,
    check: checkSerializer,
    live: 'now',
    doc:
      'Writes and reads the values that are neither strings nor bytes: `{ serialize, ' +
      'deserialize }`, sync or async. Unset: JSON.',
  },
  {
    name: 'valueFlags',
    type: 'choice',
    choices: ['mintring', 'pylibmc', 'pymemcache', 'php', 'memcached'],
    default: 'mintring',
    live: 'now',
    doc: "Whose flags are read, and written, when a value's flags are not mintring's own.",
  },
  {
    name: 'longKeys',
    type: 'choice',
    choices: ['reject', 'hash', 'md5'],
    default: 'reject',
    live: 'now',
    doc:
      'What to do with keys over 250 bytes (prefix included): reject them, or replace them by a ' +
      "digest; `md5` is npm memcached's, to share a cache with it.",
  },
  {
    name: 'onError',
    type: 'choice',
    choices: ['throw', 'miss'],
    default: 'throw',
    live: 'now',
    doc:
      'Whether a failed read rejects or looks like a miss. Misses made this way are counted and ' +
      'told to observers.',
  },
  {
    name: 'traceKeys',
    type: 'boolean',
    default: false,
    live: 'now',
    doc: 'Whether diagnostics channels and spans may carry keys. Values are never carried.',
  },
  {
    name: 'discovery',
    type: 'object',
    typeText: 'Discovery | undefined',
    default: undefined,
    check: checkDiscovery,
    live: 'never',
    doc:
      'Where the server list comes from while running: `{ endpoint, intervalMs }` asks an ' +
      'ElastiCache or Memorystore configuration endpoint, `{ dns, intervalMs }` resolves a ' +
      'name, `{ servers, intervalMs }` calls a function of yours. `timeoutMs` ends a question ' +
      'that gets no answer. A list that flaps is followed once it stays the same.',
  },
  {
    name: 'handover',
    type: 'seconds',
    unit: 's',
    default: 600,
    min: 0,
    max: MAX_CHANGE_SECONDS,
    live: 'now',
    doc:
      'How long values may move to their new hosts after the servers changed; 0 turns it off: ' +
      'keys that move are then loaded anew. At least `announce`.',
  },
  {
    name: 'announce',
    type: 'seconds',
    unit: 's',
    default: undefined,
    min: 1,
    max: MAX_CHANGE_SECONDS,
    live: 'now',
    doc:
      'How long processes may differ on the list of servers when it changes: until then all read ' +
      'where keys were. Unset: a minute, or twice the interval of `discovery` if that is longer.',
  },
  {
    name: 'previous',
    type: 'object',
    typeText: 'Previous | undefined',
    default: undefined,
    check: checkPrevious,
    live: 'now',
    doc:
      'The placement that this one follows, for deploys and migrations: `{ servers }`, and what ' +
      'else was different: a preset or placement behaviors, `keyPrefix`, credentials. Its ' +
      'values are handed over. Once that is over it has no effect.',
  },
]
