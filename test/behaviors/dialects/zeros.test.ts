import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { behaviorsFrom } from '../../../src/behaviors/behaviors-from.ts'
import { resolveBehaviors } from '../../../src/behaviors/resolve.ts'

/** A setting with a boundary value, what it means in the other client, and where that is said. */
interface Edge {
  readonly dialect: 'twemproxy' | 'libmemcached' | 'pylibmc' | 'memcached'
  readonly given: string | Readonly<Record<string, unknown>>
  readonly means: Readonly<Record<string, unknown>>
  readonly warning?: RegExp
  readonly source: string
}

const EDGES: readonly Edge[] = [
  {
    dialect: 'twemproxy',
    given: { server_retry_timeout: 0 },
    means: { retryTimeoutMs: 1 },
    source: 'nc_server.c, server_failure: next_retry = now + 0, so the next request tries it again',
  },
  {
    dialect: 'twemproxy',
    given: { server_failure_limit: 0 },
    means: { serverFailureLimit: 1 },
    source: 'nc_server.c, server_failure: failure_count is 1 before it is compared with the limit',
  },
  {
    dialect: 'twemproxy',
    given: { timeout: 0 },
    means: { requestTimeoutMs: 500 },
    warning: /always has a timeout/,
    source: 'nc_message.c, msg_tmo_insert: a timeout of 0 or less waits for ever',
  },
  {
    dialect: 'libmemcached',
    given: '--SERVER=localhost --RETRY-TIMEOUT=0',
    means: { retryTimeoutMs: 1000 },
    source: 'connect.cc, backoff_handling: next_retry < tv_sec, in whole seconds',
  },
  {
    dialect: 'libmemcached',
    given: '--SERVER=localhost --REMOVE-FAILED-SERVERS=0',
    means: { autoEjectHosts: false },
    source: 'behavior.cc: auto_eject_hosts = bool(data)',
  },
  {
    dialect: 'libmemcached',
    given: '--SERVER=localhost --POLL-TIMEOUT=0 --CONNECT-TIMEOUT=0',
    means: { requestTimeoutMs: 500, connectTimeoutMs: 500 },
    warning: /always has a timeout/,
    source: 'connect.cc, connect_poll: poll() with 0 does not wait at all, and every request fails',
  },
  {
    dialect: 'libmemcached',
    given: '--SERVER=localhost:1/?0',
    means: {},
    source: 'csl/server.h: a weight of 0 is 1',
  },
  {
    dialect: 'libmemcached',
    given: '--SERVER=localhost --NUMBER-OF-REPLICAS=1 --RANDOMIZE-REPLICA-READ',
    means: {},
    warning: /NUMBER-OF-REPLICAS: not supported/,
    source: 'a key lives on one host here',
  },
  {
    dialect: 'pylibmc',
    given: { ketama: true, retry_timeout: 0 },
    means: { retryTimeoutMs: 1000 },
    source: 'connect.cc, backoff_handling: next_retry < tv_sec, in whole seconds',
  },
  {
    dialect: 'pylibmc',
    given: { ketama: true, auto_eject: 1, dead_timeout: 0 },
    means: { deadTimeoutMs: 2000 },
    warning: /in libmemcached that a dead host never returns/,
    source: 'connect.cc, backoff_handling: only dead_timeout > 0 lets a dead host be tried again',
  },
  {
    dialect: 'pylibmc',
    given: { ketama: true, remove_failed: 0 },
    means: { autoEjectHosts: false },
    source: 'behavior.cc: auto_eject_hosts = bool(data)',
  },
  {
    dialect: 'pylibmc',
    given: { ketama: true, _poll_timeout: -1 },
    means: { requestTimeoutMs: 500 },
    warning: /always has a timeout/,
    source: 'poll(2): a negative timeout waits for ever',
  },
  {
    dialect: 'pylibmc',
    given: { ketama: true, connect_timeout: 0, _poll_timeout: 0, receive_timeout: 0 },
    means: { requestTimeoutMs: 500, connectTimeoutMs: 500 },
    warning: /always has a timeout/,
    source: 'connect.cc, connect_poll: poll() with 0 does not wait at all',
  },
  {
    dialect: 'memcached',
    given: { retry: 0, failures: 0, reconnect: 0 },
    means: { retryTimeoutMs: 1, serverFailureLimit: 1, deadTimeoutMs: 1 },
    source: 'lib/connection.js, IssueLog.log: failures 0 is dead at once; timers of 0 ms',
  },
  {
    dialect: 'memcached',
    given: { timeout: 0 },
    means: { requestTimeoutMs: 500 },
    warning: /0 means no limit in npm memcached/,
    source: 'lib/memcached.js: Socket.setTimeout(0) switches the timeout off',
  },
  {
    dialect: 'memcached',
    given: { idle: 0 },
    means: { connections: { min: 1, max: 2, idleMs: 0 } },
    source: 'lib/memcached.js: Socket.setTimeout(0) never closes an idle connection',
  },
  {
    dialect: 'memcached',
    given: { retries: 0 },
    means: { retries: 0 },
    source: 'lib/memcached.js: jackpot.retries',
  },
  {
    dialect: 'memcached',
    given: { poolSize: 0 },
    means: { connections: { min: 1, max: 2, idleMs: 60_000 } },
    source: 'jackpot, index.js: limit = +limit || 20, which is its default',
  },
]

/** Values that the other client refuses too. */
const REFUSED: readonly Pick<Edge, 'dialect' | 'given' | 'source'>[] = [
  {
    dialect: 'pylibmc',
    given: { failure_limit: 0 },
    source: 'behavior.cc: SERVER_FAILURE_LIMIT requires a value greater than zero',
  },
  {
    dialect: 'twemproxy',
    given: { server_connections: 0 },
    source: 'nc_conf.c: server_connections cannot be 0',
  },
  {
    dialect: 'twemproxy',
    given: { servers: ['a:1:0'] },
    source: 'nc_conf.c: a zero weight in the list of servers',
  },
]

function translate({ dialect, given }: Pick<Edge, 'dialect' | 'given'>) {
  const read = behaviorsFrom[dialect] as (from: unknown) => ReturnType<typeof behaviorsFrom.pylibmc>
  const translated = read(given)
  return { behaviors: resolveBehaviors({ ...translated }), warnings: translated.warnings }
}

describe('a boundary value of another client keeps its meaning', () => {
  for (const edge of EDGES) {
    it(`${edge.dialect} ${JSON.stringify(edge.given)}: ${edge.source}`, () => {
      const { behaviors, warnings } = translate(edge)
      for (const [name, value] of Object.entries(edge.means)) {
        assert.deepEqual(behaviors[name as 'retries'], value, name)
      }
      if (edge.warning === undefined) assert.deepEqual(warnings, [])
      else assert.match(warnings.join('\n'), edge.warning)
    })
  }

  for (const edge of REFUSED) {
    it(`throws as the other client does: ${edge.dialect} ${JSON.stringify(edge.given)}`, () => {
      assert.throws(() => translate(edge), { name: 'MintringError' })
    })
  }
})
