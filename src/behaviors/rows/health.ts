import { defaultClusterPolicy } from '../../hosts/policy.ts'
import { checkFailover } from '../check-object.ts'
import type { Row } from '../row.ts'

const DAY_MS = 86_400_000
/** A longer time would be a date to a server. */
const MAX_MISSED_SECONDS = 30 * 86_400

/** The behaviors for failing hosts: ejection, where their keys go meanwhile, and the return. */
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
      'The longest pause between two probes of an ejected host. ' +
      'The first pause is `retryTimeoutMs`, and later ones are at least a tenth of the outage. ' +
      'After a host that failed again soon, the first pause is twice as long.',
  },
  {
    name: 'slowHosts',
    type: 'choice',
    choices: ['report', 'eject', 'bypass'],
    default: defaultClusterPolicy.slowHosts,
    live: 'now',
    doc:
      'What to do about a slow host. `report` emits the event `slow` and marks it in `hosts()`. ' +
      '`eject` also ejects the slow host like a failed one. ' +
      '`bypass` also lets `getOrSet` load values without asking the slow host. ' +
      "A host is slow if for 3 s its replies take 20 ms or more, and 10 times the others' time.",
  },
  {
    name: 'ejectLoneHost',
    type: 'boolean',
    default: defaultClusterPolicy.ejectLoneHost,
    live: 'now',
    doc:
      'Whether the only host of a list can be ejected. ' +
      'By default a lone host stays in the ring, because its keys have no other place. ' +
      'The client then reconnects to the lone host within a tenth of a second.',
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
      '`miss` returns a miss for reads and drops writes. `error` rejects reads and writes. ' +
      '`{ gutter: servers, ttl }` uses stand-by hosts, which keep items for `ttl` s at most.',
  },
  {
    name: 'ejection',
    type: 'choice',
    choices: ['skip', 'rebuild'],
    default: defaultClusterPolicy.ejection,
    live: 'now',
    doc:
      'How `rehash` finds another host for the keys of a dead one. ' +
      '`skip` takes the next live host of the full ring: only keys of the dead host move. ' +
      '`rebuild` makes a ring without the dead host, as libmemcached and twemproxy do.',
  },
  {
    name: 'onReturn',
    type: 'choice',
    choices: ['trust', 'flush'],
    default: defaultClusterPolicy.onReturn,
    live: 'now',
    doc:
      'What a host that returns keeps. `trust`: all keys except those that changed meanwhile. ' +
      '`flush`: nothing, because the client flushes the host when it returns. ' +
      "A flush is for all processes, even if only this client's connection had failed.",
  },
  {
    name: 'maxOwedKeys',
    type: 'integer',
    default: defaultClusterPolicy.maxOwedKeys,
    min: 1,
    max: 10_000_000,
    live: 'now',
    doc:
      'How many changed keys the client remembers, at most, for each host that is away. ' +
      'A remembered key takes about 200 bytes. Further keys go into a filter of 2 MB. ' +
      'The filter also matches a few keys that did not change. ' +
      'A key that matches is deleted from the returned host before it is read.',
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
      'The period in which writes also delete the key on its first fallback host. ' +
      'The period starts after a failed attempt, an ejection, or the return of a host. ' +
      'The extra delete is needed because other processes may still read the fallback host. ' +
      'Deletes and invalidations always include the fallback host; with 0, no other write does. ' +
      'After a return, reads check the fallback host for changes, for up to this period; 0: never.',
  },
  {
    name: 'missedTtl',
    type: 'seconds',
    unit: 's',
    default: defaultClusterPolicy.missedTtl,
    min: 0,
    max: MAX_MISSED_SECONDS,
    live: 'now',
    doc:
      'How long fallback hosts count the keys that a host missed, ' +
      'for processes that start later. ' +
      'A process finds out in its handshakes whether a host missed any. ' +
      'With 0 nothing is counted or asked: after a restart, only the TTL limits the age of ' +
      'what a host returns that kept its memory during an outage.',
  },
  {
    name: 'retries',
    type: 'integer',
    default: defaultClusterPolicy.retries,
    min: 0,
    max: 10,
    live: 'now',
    aliases: [{ dialect: 'memcached', name: 'retries' }],
    doc: 'How many times to retry a command that is safe to repeat, on another host if possible.',
  },
  {
    name: 'retryWrites',
    type: 'boolean',
    default: defaultClusterPolicy.retryWrites,
    live: 'now',
    doc: 'Whether to retry `set`, `delete` and `touch` if the server may have executed them.',
  },
]
