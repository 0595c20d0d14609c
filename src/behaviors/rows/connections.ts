import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { checkTls } from '../check-object.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000
/** The longest a timer of Node's can wait. */
const MAX_TIMER_MS = 2_147_483_647

/** How hosts are reached, and for how long they are waited for. */
export const connectionRows: readonly Row[] = [
  {
    name: 'connectTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.connectTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'connect_timeout', unit: 'ms' },
      { dialect: 'libmemcached', name: 'CONNECT-TIMEOUT', unit: 'ms' },
    ],
    doc:
      'How long one connection may take to be usable: DNS, TCP, TLS and authentication ' +
      'together.',
  },
  {
    name: 'requestTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.requestTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: '_poll_timeout', unit: 'ms' },
      { dialect: 'libmemcached', name: 'POLL-TIMEOUT', unit: 'ms' },
      { dialect: 'twemproxy', name: 'timeout', unit: 'ms' },
      { dialect: 'memcached', name: 'timeout', unit: 'ms' },
    ],
    doc:
      'How long one attempt on one host may take, dialling and queueing included. An operation ' +
      'ends within requestTimeoutMs × (1 + retries).',
  },
  {
    name: 'connections',
    type: 'object',
    typeText: 'LaneBounds',
    fields: [
      {
        name: 'min',
        type: 'integer',
        default: defaultClusterPolicy.connections.min,
        min: 0,
        max: 1024,
        live: 'now',
        aliases: [{ dialect: 'libmemcached', name: 'POOL-MIN' }],
        doc:
          'Connections kept open to each host; with 0 the last one is closed after `idleMs` as ' +
          'well.',
      },
      {
        name: 'max',
        type: 'integer',
        default: defaultClusterPolicy.connections.max,
        min: 1,
        max: 1024,
        live: 'now',
        aliases: [
          { dialect: 'libmemcached', name: 'POOL-MAX' },
          { dialect: 'twemproxy', name: 'server_connections' },
          { dialect: 'memcached', name: 'poolSize' },
        ],
        doc:
          'The most connections to each host. Commands are pipelined: one or two are enough for ' +
          'most services.',
      },
      {
        name: 'idleMs',
        type: 'integer',
        unit: 'ms',
        default: defaultClusterPolicy.connections.idleMs,
        min: 0,
        max: MAX_TIMER_MS,
        live: 'now',
        aliases: [{ dialect: 'memcached', name: 'idle', unit: 'ms' }],
        doc: 'After how long without use a connection beyond `min` is closed; 0 never closes one.',
      },
    ],
    default: defaultClusterPolicy.connections,
    live: 'now',
    doc: 'How many connections each host gets.',
  },
  {
    name: 'maxQueuedPerHost',
    type: 'integer',
    default: defaultClusterPolicy.maxQueuedPerHost,
    min: 1,
    max: 10_000_000,
    live: 'now',
    doc:
      'How many commands may wait for one host. Beyond it they reject at once with ' +
      'MINTRING_OVERLOADED.',
  },
  {
    name: 'protocol',
    type: 'choice',
    choices: ['auto', 'meta', 'classic'],
    default: 'auto',
    live: 'now',
    doc: 'Whether refills may use the meta commands: `auto` asks each host what it can do.',
  },
  {
    name: 'tls',
    type: 'object',
    typeText: 'boolean | ConnectionOptions',
    default: defaultClusterPolicy.tls,
    check: checkTls,
    secret: true,
    live: 'newConnections',
    doc:
      'TLS to every host: `true`, or options of `tls.connect` (ca, cert, key, servername, …). ' +
      'Certificates are verified unless you say otherwise.',
  },
  {
    name: 'username',
    type: 'string',
    default: undefined,
    live: 'newConnections',
    aliases: [{ dialect: 'pylibmc', name: 'username' }],
    doc:
      'User name for ASCII authentication (`memcached -Y`), for servers that name none ' +
      'themselves.',
  },
  {
    name: 'password',
    type: 'string',
    default: undefined,
    secret: true,
    live: 'newConnections',
    aliases: [{ dialect: 'pylibmc', name: 'password' }],
    doc: 'Password for ASCII authentication. Never shown in errors, events or inspect output.',
  },
  {
    name: 'tcpNoDelay',
    type: 'boolean',
    default: defaultClusterPolicy.tcpNoDelay,
    live: 'newConnections',
    aliases: [
      { dialect: 'pylibmc', name: 'tcp_nodelay', unit: 'flag' },
      { dialect: 'libmemcached', name: 'TCP-NODELAY', unit: 'flag' },
    ],
    doc: "Send at once instead of waiting for more (turns Nagle's algorithm off).",
  },
  {
    name: 'tcpKeepAliveMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.tcpKeepAliveMs,
    min: 0,
    max: MAX_TIMER_MS,
    live: 'newConnections',
    doc:
      'How long a connection may be silent before TCP asks whether the other end is there; 0 ' +
      'never asks.',
  },
  {
    name: 'unref',
    type: 'boolean',
    default: defaultClusterPolicy.unref,
    live: 'newConnections',
    doc:
      'Whether open connections let the process end: a script then ends when its own work does, ' +
      'without `close()`. An operation under way holds the process until it settles.',
  },
]
