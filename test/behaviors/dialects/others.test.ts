import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { behaviorsFrom } from '../../../src/behaviors/behaviors-from.ts'
import { resolveBehaviors } from '../../../src/behaviors/resolve.ts'
import { parseServers } from '../../../src/hosts/address.ts'

const code = 'MINTRING_BAD_BEHAVIOR'

before(() => {
  process.removeAllListeners('warning')
})

describe('behaviorsFrom.twemproxy', () => {
  const pool = {
    listen: '127.0.0.1:22121',
    hash: 'fnv1a_64',
    hash_tag: '{}',
    distribution: 'ketama',
    auto_eject_hosts: true,
    timeout: 400,
    server_retry_timeout: 2000,
    server_failure_limit: 1,
    servers: ['127.0.0.1:11211:1 one', '127.0.0.1:11212:2', '/run/mc.sock:3 sock'],
  }

  it('reads a pool with the names and weights of its servers', () => {
    const behaviors = behaviorsFrom.twemproxy(pool)
    assert.deepEqual(
      parseServers(behaviors.servers!).map(({ label, weight }) => [label, weight]),
      [
        ['one', 1],
        ['127.0.0.1:11212', 2],
        ['sock', 3],
      ],
    )
    const settings = resolveBehaviors(behaviors)
    assert.equal(settings.hashTag, '{}')
    assert.equal(settings.ejection, 'rebuild')
    assert.equal(settings.retryTimeoutMs, 2000)
    assert.equal(settings.requestTimeoutMs, 400)
    assert.deepEqual(behaviors.warnings.length, 1, 'listen alone')
  })

  it('reads IPv6 addresses without brackets, as twemproxy does', () => {
    const lines = ['::1:26210:1', 'fe80::2:11211:3 six', '[::1]:11213:2']
    const { servers } = behaviorsFrom.twemproxy({ servers: lines })
    assert.deepEqual(
      parseServers(servers!).map(({ host, port, weight, name }) => [host, port, weight, name]),
      [
        ['::1', 26_210, 1, undefined],
        ['fe80::2', 11_211, 3, 'six'],
        ['::1', 11_213, 2, undefined],
      ],
    )
  })

  it('throws for redis pools, unknown settings and bad servers', () => {
    const refuse = (more: object, message: RegExp) =>
      assert.throws(() => behaviorsFrom.twemproxy({ ...pool, ...more }), { message })
    refuse({ redis: true }, /memcached client/)
    refuse({ server_retry_timeot: 1 }, /mean 'server_retry_timeout'/)
    refuse({ distribution: 'jump' }, /ketama, modula or random/)
    refuse({ servers: 'a:1:1' }, /list/)
    refuse({ servers: ['a:1:0'] }, /weight 0/)
    refuse({ servers: ['a:1:1 x y'] }, /one name/)
    refuse({ servers: ['::1:70000:1'] }, /port/)
    refuse({ timeout: '400' }, /takes a number/)
  })

  it('keeps a timeout where twemproxy has none, and warns of it', () => {
    const behaviors = behaviorsFrom.twemproxy({ timeout: -1 })
    assert.equal(behaviors.requestTimeoutMs, undefined)
    assert.match(behaviors.warnings.join(), /always has a timeout/)
  })
})

describe('behaviorsFrom.memcached', () => {
  it('reads the options of the npm package, with its placement and flags', () => {
    const settings = resolveBehaviors(
      behaviorsFrom.memcached({
        ...{ poolSize: 3, timeout: 1000, retries: 2, failures: 3, retry: 10_000 },
        ...{ reconnect: 60_000, remove: true, idle: 5000, namespace: 'app:', maxQueueSize: 400 },
      }),
    )
    assert.equal(settings.distribution, 'hashring')
    assert.equal(settings.labelFormat, 'libmemcached')
    assert.equal(settings.valueFlags, 'memcached')
    assert.equal(settings.hashWithPrefixKey, true)
    assert.deepEqual(settings.connections, { min: 1, max: 3, idleMs: 5000 })
    assert.equal(settings.deadTimeoutMs, 60_000)
    assert.equal(settings.maxQueuedPerHost, 400)
  })

  it('reads numbers given as text, and clamps values that are out of range', () => {
    const settings = resolveBehaviors(
      behaviorsFrom.memcached({
        ...{ retries: '25', timeout: '750', poolSize: '5000', maxValue: 1, failures: 0, retry: 0 },
        ...{ reconnect: 18_000_000_000, remove: 'true', idle: 0 },
      }),
    )
    assert.equal(settings.retries, 10)
    assert.equal(settings.requestTimeoutMs, 750)
    assert.deepEqual(settings.connections, { min: 1, max: 1024, idleMs: 0 })
    assert.equal(settings.maxItemBytes, 1024)
    assert.equal(settings.serverFailureLimit, 1)
    assert.equal(settings.retryTimeoutMs, 1)
    assert.equal(settings.deadTimeoutMs, 86_400_000)
    assert.equal(settings.autoEjectHosts, true)
    const kept = resolveBehaviors(behaviorsFrom.memcached({ timeout: 0, poolSize: 0 }))
    const { requestTimeoutMs, connections } = resolveBehaviors({})
    assert.deepEqual([kept.requestTimeoutMs, kept.connections], [requestTimeoutMs, connections])
    for (const timeout of ['soon', '', Number.NaN, {}, true]) {
      assert.throws(() => behaviorsFrom.memcached({ timeout }), { code, message: /timeout/ })
    }
  })

  it('reads an algorithm under any of its OpenSSL names, and refuses functions with a reason', () => {
    const hashOf = (algorithm: unknown) => behaviorsFrom.memcached({ algorithm }).hash
    const names = ['md5', 'RSA-MD5', 'SHA256', 'RSA-SHA512/256', 'rmd160', 'md5-sha1', undefined]
    const hashes = ['md5', 'md5', 'sha256', 'sha512-256', 'ripemd160', 'md5', 'md5']
    assert.deepEqual(names.map(hashOf), hashes)
    assert.throws(() => hashOf(() => 1), { code, message: /no other client could share/ })
    assert.throws(() => hashOf('sha0'), { code, message: /'sha0' is not a known digest/ })
  })

  it('writes long keys as the MD5 of the key, as memcached does, unless keyCompression is off', () => {
    const of = (options: Record<string, unknown>) => behaviorsFrom.memcached(options).longKeys
    assert.deepEqual([of({}), of({ keyCompression: true })], ['md5', 'md5'])
    assert.deepEqual(
      [of({ keyCompression: false }), of({ keyCompression: 0 })],
      ['reject', 'reject'],
    )
  })

  it('labels points with ports unless compatibility is ketama', () => {
    const ringOf = (options: Record<string, unknown>) => {
      const { labelFormat, replicas } = behaviorsFrom.memcached(options)
      return [labelFormat, replicas]
    }
    assert.deepEqual(ringOf({ compatibility: 'ketama' }), ['libmemcached', undefined])
    assert.deepEqual(ringOf({ compatibility: 'hash_ring' }), ['full', 3])
    assert.deepEqual(ringOf({ compatibility: undefined }), ['full', undefined])
  })

  it('throws for unknown options, and warns of options that have no effect', () => {
    assert.throws(() => behaviorsFrom.memcached({ pollSize: 4 }), { code, message: /'poolSize'/ })
    assert.throws(() => behaviorsFrom.memcached({ compatibility: 5 }), { code })
    const { warnings } = behaviorsFrom.memcached({
      ...{ redundancy: true, debug: true, failOverServers: ['10.0.0.9'], poolSize: 10 },
      ...{ maxKeySize: 300, keyCompression: true, maxQueueSize: -1, maxExpiration: 5 },
    })
    assert.equal(warnings.length, 7)
    const quiet = { redundancy: false, debug: false, failOverServers: [], maxKeySize: 250 }
    assert.deepEqual(behaviorsFrom.memcached(quiet).warnings, [])
  })
})

describe('behaviorsFrom, for the settings of every other client', () => {
  it('throws for arguments of a wrong type', () => {
    for (const nothing of [null, 5, undefined]) {
      assert.throws(() => behaviorsFrom.pylibmc(nothing as never), { code })
      assert.throws(() => behaviorsFrom.twemproxy(nothing as never), { code })
      assert.throws(() => behaviorsFrom.memcached(nothing as never), { code })
      assert.throws(() => behaviorsFrom.libmemcached(nothing as never), { code })
    }
  })

  it('emits a warning once per process when several clients are made', async () => {
    const seen: string[] = []
    const listen = (warning: Error) => seen.push(warning.message)
    process.on('warning', listen)
    for (let i = 0; i < 5; i++) {
      assert.equal(behaviorsFrom.memcached({ randomize: true }).warnings.length, 1)
    }
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    assert.equal(seen.filter((message) => message.includes('randomize')).length, 1)
  })

  it('emits each warning as a warning of the process', async () => {
    const seen: string[] = []
    const listen = (warning: Error) => seen.push(warning.message)
    process.on('warning', listen)
    behaviorsFrom.pylibmc({ _noreply: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    assert.match(seen.join(), /pylibmc _noreply: not supported/)
  })
})
