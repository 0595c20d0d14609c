import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { behaviorsFrom } from '../../src/behaviors/behaviors-from.ts'
import type { BehaviorDialect } from '../../src/behaviors/row.ts'
import { rows } from '../../src/behaviors/table.ts'

type Case = readonly [
  BehaviorDialect,
  name: string,
  foreign: unknown,
  behavior: string,
  ours: unknown,
]

/** What each foreign name becomes, derived by hand from the other client's documentation. */
const cases: readonly Case[] = [
  ['pylibmc', 'distribution', 'consistent', 'distribution', 'ketamaUnweighted'],
  ['libmemcached', 'DISTRIBUTION', 'consistent', 'distribution', 'ketamaUnweighted'],
  ['twemproxy', 'distribution', 'modula', 'distribution', 'twemproxyModula'],
  ['pylibmc', 'hash', 'crc', 'hash', 'crc32'],
  ['libmemcached', 'HASH', 'FNV1A_32', 'hash', 'fnv1a_32'],
  ['twemproxy', 'hash', 'murmur', 'hash', 'murmur'],
  ['memcached', 'algorithm', 'sha1', 'hash', 'sha1'],
  ['twemproxy', 'hash_tag', '{}', 'hashTag', '{}'],
  ['pylibmc', 'namespace', 'app:', 'keyPrefix', 'app:'],
  ['libmemcached', 'NAMESPACE', '"app:"', 'keyPrefix', 'app:'],
  ['memcached', 'namespace', 'app:', 'keyPrefix', 'app:'],
  ['pylibmc', '_hash_with_prefix_key', 1, 'hashWithPrefixKey', true],
  ['libmemcached', 'HASH-WITH-NAMESPACE', true, 'hashWithPrefixKey', true],
  ['pylibmc', 'ketama_weighted', 1, 'distribution', 'ketama'],
  ['pylibmc', '_sort_hosts', 1, 'serverOrder', 'hostname'],
  ['libmemcached', 'SORT-HOSTS', true, 'serverOrder', 'hostname'],
  ['pylibmc', 'auto_eject', 0, 'autoEjectHosts', false],
  ['twemproxy', 'auto_eject_hosts', true, 'autoEjectHosts', true],
  ['memcached', 'remove', true, 'autoEjectHosts', true],
  ['pylibmc', 'failure_limit', 3, 'serverFailureLimit', 3],
  ['pylibmc', 'remove_failed', 4, 'serverFailureLimit', 4],
  ['libmemcached', 'REMOVE-FAILED-SERVERS', 3, 'serverFailureLimit', 3],
  ['twemproxy', 'server_failure_limit', 1, 'serverFailureLimit', 1],
  ['memcached', 'failures', 5, 'serverFailureLimit', 5],
  // pylibmc and libmemcached take this time in seconds, mintring in milliseconds.
  ['pylibmc', 'retry_timeout', 30, 'retryTimeoutMs', 30_000],
  ['libmemcached', 'RETRY-TIMEOUT', 7, 'retryTimeoutMs', 7_000],
  ['twemproxy', 'server_retry_timeout', 2000, 'retryTimeoutMs', 2_000],
  ['memcached', 'retry', 30_000, 'retryTimeoutMs', 30_000],
  ['pylibmc', 'dead_timeout', 60, 'deadTimeoutMs', 60_000],
  ['memcached', 'retries', 2, 'retries', 2],
  ['pylibmc', 'connect_timeout', 2000, 'connectTimeoutMs', 2_000],
  ['libmemcached', 'CONNECT-TIMEOUT', 250, 'connectTimeoutMs', 250],
  ['pylibmc', '_poll_timeout', 750, 'requestTimeoutMs', 750],
  ['libmemcached', 'POLL-TIMEOUT', 750, 'requestTimeoutMs', 750],
  ['twemproxy', 'timeout', 400, 'requestTimeoutMs', 400],
  ['memcached', 'timeout', 5000, 'requestTimeoutMs', 5_000],
  ['libmemcached', 'POOL-MIN', 2, 'connections', { min: 2 }],
  ['libmemcached', 'POOL-MAX', 3, 'connections', { max: 3 }],
  ['twemproxy', 'server_connections', 2, 'connections', { min: 1, max: 2 }],
  ['memcached', 'poolSize', 4, 'connections', { max: 4 }],
  ['memcached', 'idle', 5000, 'connections', { idleMs: 5_000 }],
  ['pylibmc', 'username', 'me', 'username', 'me'],
  ['pylibmc', 'password', 'secret', 'password', 'secret'],
  ['pylibmc', 'tcp_nodelay', 0, 'tcpNoDelay', false],
  ['libmemcached', 'TCP-NODELAY', true, 'tcpNoDelay', true],
  ['memcached', 'maxValue', 2_097_152, 'maxItemBytes', 2_097_152],
]

function translate(dialect: BehaviorDialect, name: string, value: unknown): object {
  if (dialect !== 'libmemcached') return behaviorsFrom[dialect]({ [name]: value })
  const option = value === true ? `--${name}` : `--${name}=${String(value)}`
  return behaviorsFrom.libmemcached(`--SERVER=localhost ${option}`)
}

describe('behavior names of other clients', () => {
  it('are all in the table of this test', () => {
    const known = rows
      .flatMap((row) => [row, ...(row.fields ?? [])])
      .flatMap((row) => (row.aliases ?? []).map((alias) => `${alias.dialect} ${alias.name}`))
    assert.deepEqual(cases.map(([dialect, name]) => `${dialect} ${name}`).sort(), known.sort())
  })

  for (const [dialect, name, foreign, behavior, ours] of cases) {
    const [given, becomes] = [foreign, ours].map((value) => JSON.stringify(value))
    it(`${dialect} ${name}: ${given} is ${behavior}: ${becomes}`, () => {
      const translated = translate(dialect, name, foreign) as Record<string, unknown>
      assert.deepEqual(translated[behavior], ours)
    })
  }
})
