import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { changeBehaviors, resolveBehaviors } from '../../src/behaviors/resolve.ts'
import { rows } from '../../src/behaviors/table.ts'
import { isMintringError } from '../../src/errors.ts'

/** Written by hand for every row: its default, another valid value, and values it must refuse. */
interface Sample {
  readonly default: unknown
  readonly good: unknown
  /** What the setting is after `good` was given, if the two differ. */
  readonly becomes?: unknown
  readonly bad: readonly unknown[]
}

const words = { bad: ['Ketama ', 7, true, null] }
const switches = { bad: ['true', 1, 0, null, {}] }
const numbers = { bad: ['5', Number.NaN, 1.5, null, true, Number.POSITIVE_INFINITY] }
const discover = (): readonly string[] => ['127.0.0.1']
const serializer = { serialize: String, deserialize: String }

const samples: Readonly<Record<string, Sample>> = {
  preset: { default: undefined, good: 'libmemcachedWeighted', bad: ['php', 1] },
  distribution: { default: 'ketama', good: 'modula', ...words },
  hash: { default: undefined, good: 'fnv1a_64', ...words },
  hashTag: { default: undefined, good: '{}', bad: ['{', '{}}', 'a ', 5] },
  keyPrefix: { default: '', good: 'app:', bad: ['a b', 'a\r\n', 'x'.repeat(250), 5] },
  hashWithPrefixKey: { default: false, good: true, ...switches },
  weighted: { default: undefined, good: true, ...switches },
  serverOrder: { default: undefined, good: 'hostname', ...words },
  pointHash: { default: undefined, good: 'md5', ...words },
  labelFormat: { default: undefined, good: 'full', ...words },
  vnodes: { default: undefined, good: 150, bad: [...numbers.bad, 0, 65_537] },
  replicas: { default: undefined, good: 3, bad: [...numbers.bad, 0, 5] },
  tableSize: { default: undefined, good: 65_537, bad: [...numbers.bad, 1, 16_777_217] },
  duplicates: { default: 'reject', good: 'allow', ...words },
  autoEjectHosts: { default: true, good: false, ...switches },
  serverFailureLimit: { default: 2, good: 5, bad: [...numbers.bad, 0, -1, 1001] },
  retryTimeoutMs: { default: 2000, good: 30_000, bad: [...numbers.bad, '30s', 0, 86_400_001] },
  deadTimeoutMs: { default: 30_000, good: 60_000, bad: [...numbers.bad, 0, 86_400_001] },
  failover: { default: 'rehash', good: 'miss', bad: ['hash', 5, [], {}, { gutter: 'a:1' }] },
  slowHosts: { default: 'report', good: 'eject', ...words },
  ejectLoneHost: { default: false, good: true, ...switches },
  precautionsMs: { default: 10_000, good: 0, bad: [...numbers.bad, -1, 86_400_001] },
  missedTtl: { default: 3_600, good: 60, bad: [-1, 1.5, 2_592_001, null, true] },
  ejection: { default: 'skip', good: 'rebuild', ...words },
  onReturn: { default: 'trust', good: 'flush', ...words },
  retries: { default: 1, good: 3, bad: [...numbers.bad, -1, 11] },
  retryWrites: { default: true, good: false, ...switches },
  connectTimeoutMs: { default: 500, good: 250, bad: [...numbers.bad, 0, 86_400_001] },
  requestTimeoutMs: { default: 500, good: 100, bad: [...numbers.bad, 0, 86_400_001] },
  connections: {
    default: { min: 1, max: 2, idleMs: 60_000 },
    good: { max: 8 },
    becomes: { min: 1, max: 8, idleMs: 60_000 },
    bad: [4, [1], { mx: 2 }, { max: 0 }, { max: '4' }, { min: 9, max: 8 }, { idleMs: -1 }],
  },
  maxQueuedPerHost: { default: 10_000, good: 500, bad: [...numbers.bad, 0, 10_000_001] },
  maxOwedKeys: { default: 100_000, good: 500, bad: [...numbers.bad, 0, 10_000_001] },
  protocol: { default: 'auto', good: 'meta', ...words },
  tls: { default: false, good: { servername: 'cache' }, bad: ['yes', 1, []] },
  username: { default: undefined, good: 'me', bad: [5, {}] },
  password: { default: undefined, good: 'hunter2', bad: [5, {}] },
  tcpNoDelay: { default: true, good: false, ...switches },
  unref: { default: false, good: true, bad: [0, 'true', {}] },
  tcpKeepAliveMs: { default: 30_000, good: 0, bad: [...numbers.bad, -1, 2_147_483_648] },
  maxItemBytes: { default: 1_048_576, good: 2_097_152, bad: [...numbers.bad, 1023, 2 ** 31] },
  largeValues: { default: 'reject', good: 'split', ...words },
  compressAboveBytes: { default: undefined, good: 1000, bad: [...numbers.bad, -1] },
  compression: { default: 'gzip', good: 'brotli', ...words },
  maxDecompressedBytes: { default: 67_108_864, good: 5_000_000, bad: [...numbers.bad, 1023] },
  serializer: { default: undefined, good: serializer, bad: ['json', {}, { serialize: String }] },
  valueFlags: { default: 'mintring', good: 'php', ...words },
  longKeys: { default: 'reject', good: 'hash', ...words },
  onError: { default: 'throw', good: 'miss', ...words },
  traceKeys: { default: false, good: true, ...switches },
  discovery: {
    default: undefined,
    good: { servers: discover },
    bad: ['a:1', {}, { endpoint: '' }, { endpoint: 'a', dns: 'b' }, { dns: 'a', intervalMs: 1 }],
  },
  handover: { default: 600, good: '20m', becomes: 1200, bad: [-1, 0.5, 43_201, 'x'] },
  announce: { default: undefined, good: '2m', becomes: 120, bad: [0, 0.5, 43_201, 'x'] },
  previous: {
    default: undefined,
    good: { servers: 'a:1' },
    bad: ['a:1', {}, { servers: [] }, { servers: 'a', host: 'b' }],
  },
  staleWhileRevalidate: { default: 60, good: '5m', becomes: 300, bad: ['5 m', 1.5, -1, 2_592_001] },
  staleIfError: { default: undefined, good: 3600, bad: ['1y', 1.5, -1, 2_592_001] },
  lease: { default: 10, good: 30, bad: [1, 0.5, 86_401, 'x'] },
  earlyRefresh: { default: 0, good: '10s', becomes: 10, bad: [-1, 0.5] },
  jitter: { default: 0.05, good: 0.2, bad: [-0.1, 0.6, '0.1'] },
  staleTimeoutMs: { default: 0, good: 50, bad: [-1, 0.5, '50'] },
  loaderTimeoutMs: { default: 30_000, good: 5000, bad: [0, 0.5, '5s'] },
  waitTimeoutMs: { default: 5000, good: 1000, bad: [-1, 0.5, '5s'] },
  onWaitTimeout: { default: 'load', good: 'throw', ...words },
  errorBackoff: { default: 5, good: '1m', becomes: 60, bad: [-1, 86_401] },
  sharedValues: { default: false, good: true, bad: [1, 'yes'] },
  negativeTtl: { default: false, good: 30, bad: [true, 0, 'never'] },
  placeholder: { default: 'inline', good: 'sidecar', ...words },
}

/** A password is valid only beside a user name. */
const companions: Readonly<Record<string, BehaviorsInput>> = {
  username: { password: 'p' },
  password: { username: 'u' },
}

const isBadBehavior = (error: unknown): boolean =>
  isMintringError(error) && /^MINTRING_(BAD_BEHAVIOR|NO_SERVERS|BAD_SERVER)$/.test(error.code)

describe('every behavior', () => {
  it('has an entry in this table, and every entry is a behavior', () => {
    assert.deepEqual(Object.keys(samples).sort(), rows.map((row) => row.name).sort())
  })

  for (const row of rows) {
    const name = row.name as keyof BehaviorsInput
    const sample = samples[name]!
    const input = { ...companions[name], [name]: sample.good } as BehaviorsInput
    const expected = 'becomes' in sample ? sample.becomes : sample.good

    it(`${name} has its default`, () => {
      assert.deepEqual(resolveBehaviors()[name], sample.default)
    })

    it(`${name} accepts another value, and undefined for its default`, () => {
      assert.deepEqual(resolveBehaviors(input)[name], expected)
      assert.deepEqual(resolveBehaviors({ [name]: undefined })[name], sample.default)
    })

    it(`${name} throws for wrong types and values out of range, and names itself`, () => {
      for (const bad of sample.bad) {
        const given = { ...companions[name], [name]: bad } as BehaviorsInput
        assert.throws(() => resolveBehaviors(given), isBadBehavior, `${name}: ${String(bad)}`)
      }
    })

    if (row.live === 'never') {
      it(`${name} throws when it is changed while the client runs`, () => {
        assert.throws(() => changeBehaviors(resolveBehaviors(), input), /create another client/)
      })
    } else {
      it(`${name} changes while the client runs, and the change is reported`, () => {
        const current = resolveBehaviors()
        const { next, changes } = changeBehaviors(current, input)
        assert.deepEqual(next[name], expected)
        assert.ok(name in changes, `${name} is not among ${Object.keys(changes)}`)
        assert.deepEqual(current[name], sample.default, 'the old settings were touched')
      })
    }
  }
})
