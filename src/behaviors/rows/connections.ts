import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { tlsComplaint } from '../../net/tls-options.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000
/** The longest delay of a Node timer. */
const MAX_TIMER_MS = 2_147_483_647

/** The behaviors for connections to hosts and the timeouts of requests. */
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
    doc: 'The timeout for opening a connection: DNS, TCP, TLS and authentication together.',
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
      'The timeout of one attempt on one host, including connecting and queueing. ' +
      'An operation ends within requestTimeoutMs × (1 + retries).',
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
          'How many connections to each host stay open. ' +
          'With a `min` of 0, even the last connection is closed after `idleMs`.',
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
          'The limit on connections to each host. ' +
          'Commands are pipelined: one or two connections are enough for most services.',
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
        doc:
          'How long a connection beyond `min` may be unused before it is closed. ' +
          'With 0, unused connections are never closed.',
      },
    ],
    default: defaultClusterPolicy.connections,
    live: 'now',
    doc: 'How many connections the client opens to each host.',
  },
  {
    name: 'maxQueuedPerHost',
    type: 'integer',
    default: defaultClusterPolicy.maxQueuedPerHost,
    min: 1,
    max: 10_000_000,
    live: 'now',
    doc:
      'How many commands may wait for one host. ' +
      'Beyond this limit, commands reject at once with MINTRING_OVERLOADED.',
  },
  {
    name: 'protocol',
    type: 'choice',
    choices: ['auto', 'meta', 'classic'],
    default: 'auto',
    live: 'now',
    doc: 'Whether refills may use meta commands. `auto` finds out what each host supports.',
  },
  {
    name: 'tls',
    type: 'object',
    typeText: 'boolean | ConnectionOptions',
    default: defaultClusterPolicy.tls,
    // Called here and not passed on: its module loads only when TLS options are set.
    check: (value) => tlsComplaint(value),
    secret: true,
    live: 'newConnections',
    doc:
      'TLS to every host: `true`, or options of `tls.connect` (ca, cert, key, servername, …). ' +
      'Certificates are verified unless the TLS options turn verification off.',
  },
  {
    name: 'username',
    type: 'string',
    default: undefined,
    live: 'newConnections',
    aliases: [{ dialect: 'pylibmc', name: 'username' }],
    doc:
      'User name for ASCII authentication (`memcached -Y`). ' +
      'A server that is listed with a user name of its own uses that one.',
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
    doc: "Whether to send data at once (turns Nagle's algorithm off).",
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
      'How long a connection may be idle before TCP checks that the peer is still there. ' +
      'With 0, TCP does not check idle connections.',
  },
  {
    name: 'unref',
    type: 'boolean',
    default: defaultClusterPolicy.unref,
    live: 'newConnections',
    doc:
      'Whether the process may exit while connections are open. ' +
      'With `true`, a script ends without `close()` once its operations have settled.',
  },
]
