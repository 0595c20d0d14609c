import { checkDiscovery, checkPrevious, checkSerializer } from '../check-object.ts'
import type { Row } from '../row.ts'

const MIB = 1_048_576
/** Half a day each for `announce` and `handover`, so that a change takes at most a day. */
const MAX_CHANGE_SECONDS = 43_200

/** The behaviors for encoding keys and values, errors, tracing, and changes of servers. */
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
      "The server's item size limit (`memcached -I`), which includes key and item header. " +
      'Larger values reject unsent: a server that refuses a value deletes the old one.',
  },
  {
    name: 'largeValues',
    type: 'choice',
    choices: ['reject', 'split'],
    default: 'reject',
    live: 'now',
    doc:
      'What to do with values over maxItemBytes: reject them, or split them over several items. ' +
      'A read returns the whole value or a miss.',
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
      'Values larger than this are compressed if that makes them smaller. ' +
      'Unset: values are stored without compression. Reads always decompress.',
  },
  {
    name: 'compression',
    type: 'choice',
    choices: ['gzip', 'brotli', 'zstd'],
    default: 'gzip',
    live: 'now',
    doc: 'The compression format. nginx can serve `gzip`; `zstd` needs Node 22.15.',
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
      'The size limit of a value after decompression; reading a larger value rejects. ' +
      'The limit protects against small values that are crafted to fill the memory.',
  },
  {
    name: 'serializer',
    type: 'object',
    typeText: 'Serializer | undefined',
    default: undefined,
    check: checkSerializer,
    live: 'now',
    doc:
      'Encodes and decodes values that are neither strings nor bytes. Unset: JSON. ' +
      'Pass an object `{ serialize, deserialize }`; both may be sync or async.',
  },
  {
    name: 'valueFlags',
    type: 'choice',
    choices: ['mintring', 'pylibmc', 'pymemcache', 'php', 'memcached'],
    default: 'mintring',
    live: 'now',
    doc: 'The client whose flags mintring writes and reads, so that both clients can share values.',
  },
  {
    name: 'longKeys',
    type: 'choice',
    choices: ['reject', 'hash', 'md5'],
    default: 'reject',
    live: 'now',
    doc:
      'What to do with keys over 250 bytes, prefix included: reject them, or store a digest. ' +
      '`md5` is the digest of npm memcached, for a cache that is shared with it.',
  },
  {
    name: 'onError',
    type: 'choice',
    choices: ['throw', 'miss'],
    default: 'throw',
    live: 'now',
    doc:
      'Whether a failed read rejects or returns a miss. ' +
      'Failed reads that return a miss are counted and reported to observers.',
  },
  {
    name: 'traceKeys',
    type: 'boolean',
    default: false,
    live: 'now',
    doc: 'Whether diagnostics channels and spans may contain keys. They never contain values.',
  },
  {
    name: 'discovery',
    type: 'object',
    typeText: 'Discovery | undefined',
    default: undefined,
    check: checkDiscovery,
    live: 'never',
    doc:
      'Where the client gets its server list from while it runs. ' +
      '`{ endpoint, intervalMs }` asks a configuration endpoint of ElastiCache or Memorystore. ' +
      '`{ dns, intervalMs }` resolves a name. `{ servers, intervalMs }` calls your function. ' +
      '`timeoutMs` limits each lookup. ' +
      'If the list keeps changing, the client waits until it is stable.',
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
      'How long values move to their new hosts after a change of servers; at least `announce`. ' +
      'Also how long a host that was restarted gets values from its fallback hosts. ' +
      'With 0 no values move: keys that change host are loaded again.',
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
      'How long processes may disagree on the server list after a change. ' +
      'Until then all processes read from the old hosts. ' +
      'Unset: a minute, or twice the interval of `discovery` if that is longer.',
  },
  {
    name: 'previous',
    type: 'object',
    typeText: 'Previous | undefined',
    default: undefined,
    check: checkPrevious,
    ofText: (text) => (text === '' ? undefined : { servers: text }),
    live: 'now',
    doc:
      'The placement before this one, for deploys and migrations. ' +
      'Pass `{ servers }`, and the placement behaviors, `keyPrefix` or credentials that changed. ' +
      'Values move from there to the new hosts; after the handover `previous` has no effect. ' +
      'The environment variable names the previous servers alone.',
  },
]
