import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { checkFailover } from '../check-object.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000

/** When a host leaves the ring, what happens to its keys meanwhile, and when it comes back. */
export const healthRows: readonly Row[] = [
  {
    name: 'autoEjectHosts',
    type: 'boolean',
    default: defaultClusterPolicy.autoEjectHosts,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'auto_eject', unit: 'flag' },
      { dialect: 'twemproxy', name: 'auto_eject_hosts', unit: 'flag' },
      { dialect: 'memcached', name: 'remove', unit: 'flag' },
    ],
    doc: 'Whether a host that keeps failing leaves the ring until it answers again.',
  },
  {
    name: 'serverFailureLimit',
    type: 'integer',
    default: defaultClusterPolicy.serverFailureLimit,
    min: 1,
    max: 1000,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'failure_limit' },
      { dialect: 'pylibmc', name: 'remove_failed' },
      { dialect: 'libmemcached', name: 'REMOVE-FAILED-SERVERS' },
      { dialect: 'twemproxy', name: 'server_failure_limit' },
      { dialect: 'memcached', name: 'failures' },
    ],
    doc: 'How many failures in a row eject a host.',
  },
  {
    name: 'retryTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.retryTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    aliases: [
      { dialect: 'pylibmc', name: 'retry_timeout', unit: 's' },
      { dialect: 'libmemcached', name: 'RETRY-TIMEOUT', unit: 's' },
      { dialect: 'twemproxy', name: 'server_retry_timeout', unit: 'ms' },
      { dialect: 'memcached', name: 'retry', unit: 'ms' },
    ],
    doc: 'How long an ejected host is left alone before it is probed in the background.',
  },
  {
    name: 'deadTimeoutMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.deadTimeoutMs,
    min: 1,
    max: DAY_MS,
    live: 'now',
    aliases: [{ dialect: 'pylibmc', name: 'dead_timeout', unit: 's' }],
    doc:
      'The longest pause between two probes of a host that stays dead: the pause doubles up to ' +
      'it.',
  },
  {
    name: 'slowHosts',
    type: 'choice',
    choices: ['report', 'eject', 'bypass'],
    default: defaultClusterPolicy.slowHosts,
    live: 'now',
    doc:
      'What becomes of a host whose replies take at least 20 ms and ten times as long as those ' +
      'of its peers, for three seconds: `report` tells (event `slow`, `hosts()`), `eject` also ' +
      'takes it out of the ring as a failed one, `bypass` lets `getOrSet` load without it.',
  },
  {
    name: 'ejectLoneHost',
    type: 'boolean',
    default: defaultClusterPolicy.ejectLoneHost,
    live: 'now',
    doc:
      'Whether the only host of a list is ejected as others are. Its keys have no other place, ' +
      'so it stays in the ring by default and is dialled again within a tenth of a second.',
  },
  {
    name: 'failover',
    type: 'object',
    choices: ['rehash', 'miss', 'error'],
    typeText: 'Failover',
    default: defaultClusterPolicy.failover,
    check: checkFailover,
    live: 'now',
    doc:
      "What becomes of an ejected host's keys: `rehash` places them on the others, `miss` " +
      'answers reads with a miss and drops writes, `error` rejects, `{ gutter: servers, ttl }` ' +
      'sends them to stand-by hosts for at most `ttl` seconds.',
  },
  {
    name: 'ejection',
    type: 'choice',
    choices: ['skip', 'rebuild'],
    default: defaultClusterPolicy.ejection,
    live: 'now',
    doc:
      "`skip` walks on to the next live host of the full ring, so that only the dead host's " +
      'keys move; `rebuild` makes a ring without it, as libmemcached and twemproxy do.',
  },
  {
    name: 'onReturn',
    type: 'choice',
    choices: ['trust', 'flush'],
    default: defaultClusterPolicy.onReturn,
    live: 'now',
    doc:
      'Whether a host that comes back keeps what it held, but for the keys that changed ' +
      'meanwhile. `flush` empties it, for all processes: also when only the way of this one to ' +
      'the host was bad.',
  },
  {
    name: 'maxOwedKeys',
    type: 'integer',
    default: defaultClusterPolicy.maxOwedKeys,
    min: 1,
    max: 10_000_000,
    live: 'now',
    doc:
      'How many keys that changed while a host was away are remembered one by one, for each ' +
      'host (some 200 bytes each). Beyond that a filter of 2 MB knows them: then a few other ' +
      'keys are removed from the host before they are read.',
  },
  {
    name: 'precautionsMs',
    type: 'integer',
    unit: 'ms',
    default: defaultClusterPolicy.precautionsMs,
    min: 0,
    max: DAY_MS,
    live: 'now',
    doc:
      'For how long after a failed attempt, and after a host went or came back, writes also ' +
      'delete the key on its first fallback host, which processes may read that see its home ' +
      'as down. Deletes and invalidations always do. 0: no other write does.',
  },
  {
    name: 'retries',
    type: 'integer',
    default: defaultClusterPolicy.retries,
    min: 0,
    max: 10,
    live: 'now',
    aliases: [{ dialect: 'memcached', name: 'retries' }],
    doc: 'How often a command that is safe to repeat may try another place.',
  },
  {
    name: 'retryWrites',
    type: 'boolean',
    default: defaultClusterPolicy.retryWrites,
    live: 'now',
    doc:
      'Whether `set`, `delete` and `touch` are repeated when it is unknown whether the ' +
      'server executed them.',
  },
]
