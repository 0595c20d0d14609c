import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { checkFailover } from '../check-object.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000

/** When a host is ejected, where its keys go meanwhile, and when it returns. */
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
    doc: 'Whether a host that keeps failing is removed from the ring until it replies again.',
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
    doc: 'How many consecutive failures eject a host.',
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
    doc: 'How long after its ejection a host is first probed. Probes run in the background.',
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
      'The longest pause between two probes of an ejected host. The pause starts at ' +
      '`retryTimeoutMs` and doubles up to this limit.',
  },
  {
    name: 'slowHosts',
    type: 'choice',
    choices: ['report', 'eject', 'bypass'],
    default: defaultClusterPolicy.slowHosts,
    live: 'now',
    doc:
      'What to do about a slow host: one whose replies took, for three seconds, at least 20 ms ' +
      'and ten times as long as those of the other hosts. `report` emits the event `slow` and ' +
      'marks the host in `hosts()`. `eject` also ejects it like a failed host. `bypass` also ' +
      'lets `getOrSet` load values without asking it.',
  },
  {
    name: 'ejectLoneHost',
    type: 'boolean',
    default: defaultClusterPolicy.ejectLoneHost,
    live: 'now',
    doc:
      'Whether the only host of a list can be ejected. Its keys have no other place, so by ' +
      'default it stays in the ring and the client reconnects within a tenth of a second.',
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
      'What happens to the keys of an ejected host. `rehash` places them on the other hosts. ' +
      '`miss` returns a miss for reads and drops writes. `error` rejects. `{ gutter: servers, ' +
      'ttl }` sends them to stand-by hosts, for at most `ttl` seconds.',
  },
  {
    name: 'ejection',
    type: 'choice',
    choices: ['skip', 'rebuild'],
    default: defaultClusterPolicy.ejection,
    live: 'now',
    doc:
      'How `rehash` finds another host. `skip` takes the next live host of the full ring, so ' +
      'only the keys of the dead host move. `rebuild` makes a ring without the dead host, as ' +
      'libmemcached and twemproxy do.',
  },
  {
    name: 'onReturn',
    type: 'choice',
    choices: ['trust', 'flush'],
    default: defaultClusterPolicy.onReturn,
    live: 'now',
    doc:
      'What a host that returns keeps. `trust`: everything except the keys that changed ' +
      'meanwhile. `flush`: nothing. The client then flushes the host for all processes, even if ' +
      'only its own connection had failed.',
  },
  {
    name: 'maxOwedKeys',
    type: 'integer',
    default: defaultClusterPolicy.maxOwedKeys,
    min: 1,
    max: 10_000_000,
    live: 'now',
    doc:
      'How many keys that changed during the absence of a host the client remembers exactly, ' +
      'per host (about 200 bytes each). Further keys go into a filter of 2 MB. The filter also ' +
      'matches a few other keys, which are then deleted from the host before they are read.',
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
      'For how long after a failed attempt, an ejection or a return writes also delete the key ' +
      'on its first fallback host. Other processes may still read there. Deletes and ' +
      'invalidations always do this; with 0, no other write does. For at most as long after a ' +
      'return, reads look on the fallback host for notices of changes; with 0, none do.',
  },
  {
    name: 'retries',
    type: 'integer',
    default: defaultClusterPolicy.retries,
    min: 0,
    max: 10,
    live: 'now',
    aliases: [{ dialect: 'memcached', name: 'retries' }],
    doc:
      'How many times a command that is safe to repeat is retried, on another host where ' +
      'possible.',
  },
  {
    name: 'retryWrites',
    type: 'boolean',
    default: defaultClusterPolicy.retryWrites,
    live: 'now',
    doc:
      'Whether to retry `set`, `delete` and `touch` if the server may already have executed ' +
      'them.',
  },
]
