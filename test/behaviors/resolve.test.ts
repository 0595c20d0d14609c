import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { BehaviorsInput } from '../../src/behaviors/behaviors.ts'
import { toClusterPolicy, toRefillDefaults } from '../../src/behaviors/policies.ts'
import { changeBehaviors, resolveBehaviors, warningsOf } from '../../src/behaviors/resolve.ts'

const resolve = (input: object) => resolveBehaviors(input as BehaviorsInput)
const code = 'MINTRING_BAD_BEHAVIOR'

describe('resolveBehaviors', () => {
  it('returns frozen settings that have every behavior', () => {
    const behaviors = resolveBehaviors({ retries: 2 })
    assert.ok(Object.isFrozen(behaviors))
    assert.ok(Object.isFrozen(behaviors.connections))
    assert.equal(behaviors.retries, 2)
    assert.equal(behaviors.distribution, 'ketama')
  })

  it('throws for an unknown name and suggests a similar one', () => {
    assert.throws(() => resolve({ retryTimeout: 5 }), { code, message: /mean 'retryTimeoutMs'/ })
    assert.throws(() => resolve({ autoEjectHost: true }), { message: /mean 'autoEjectHosts'/ })
    assert.throws(() => resolve({ failOver: 'miss' }), { message: /mean 'failover'/ })
    assert.throws(() => resolve({ zzzzzzzz: 1 }), {
      message: /^Unknown behavior 'zzzzzzzz'\. docs\/behaviors\.md lists all behaviors\.$/,
    })
  })

  it('names the other client that an unknown name comes from', () => {
    assert.throws(() => resolve({ _retry_timeout: 30 }), {
      code,
      message: /pylibmc's name for retryTimeoutMs.*behaviorsFrom\.pylibmc/,
    })
    assert.throws(() => resolve({ poolSize: 3 }), { message: /memcached's name for connections/ })
  })

  it('names the nearest choice when a value is misspelt', () => {
    assert.throws(() => resolve({ distribution: 'ketma' }), { message: /mean 'ketama'/ })
    assert.throws(() => resolve({ failover: 'rehsh' }), { message: /mean 'rehash'/ })
    assert.throws(() => resolve({ connections: { idle: 1 } }), { message: /mean 'idleMs'/ })
  })

  it('does not accept inherited property names as behaviors', () => {
    for (const name of ['constructor', '__proto__x', 'toString', 'hasOwnProperty']) {
      assert.throws(() => resolve({ [name]: 1 }), { code })
    }
  })

  it('throws when the argument is no object', () => {
    for (const input of [null, 'ketama', 5, []]) {
      assert.throws(() => resolveBehaviors(input as never), { code })
    }
  })

  it('expands a preset; settings beside it override it', () => {
    const twemproxy = resolveBehaviors({ preset: 'twemproxy' })
    assert.equal(twemproxy.distribution, 'twemproxy')
    assert.equal(twemproxy.hash, 'fnv1a_64')
    assert.equal(twemproxy.ejection, 'rebuild')
    assert.equal(resolveBehaviors({ hash: 'md5', preset: 'twemproxy' }).hash, 'md5')
  })

  it('accepts a gutter of stand-by hosts and checks its fields', () => {
    const gutter = { gutter: ['10.0.0.9'], ttl: 10 }
    assert.deepEqual(resolveBehaviors({ failover: gutter }).failover, gutter)
    assert.throws(() => resolve({ failover: { gutter: 'host:nope', ttl: 10 } }), {
      code: 'MINTRING_BAD_SERVER',
    })
    assert.throws(() => resolve({ failover: { gutter: [], ttl: 10 } }), {
      code: 'MINTRING_NO_SERVERS',
    })
    assert.throws(() => resolve({ failover: { gutter: 'a:1', ttl: 10, retries: 1 } }), { code })
  })

  it('never shows a secret in errors, util.inspect or JSON', () => {
    const behaviors = resolveBehaviors({
      username: 'ada',
      password: 'hunter2',
      tls: { passphrase: 'PRIVATE' },
    })
    assert.equal(behaviors.password, 'hunter2')
    for (const text of [inspect(behaviors), JSON.stringify(behaviors), inspect({ a: behaviors })]) {
      assert.doesNotMatch(text, /hunter2|PRIVATE/)
      assert.match(text, /ada/)
    }
    assert.throws(
      () => resolve({ password: ['hunter2'] }),
      (error: Error) => !/hunter2/.test(inspect(error)),
    )
    const { changes } = changeBehaviors(behaviors, { password: 'other3' })
    assert.deepEqual(changes, { password: { from: '[set]', to: '[set]' } })
  })
})

describe('behaviors that depend on each other', () => {
  it('throw when retryTimeoutMs is below connectTimeoutMs and both are given', () => {
    const given = { retryTimeoutMs: 100, connectTimeoutMs: 1000 }
    assert.throws(() => resolve(given), { code, message: /retryTimeoutMs.*below connectTimeoutMs/ })
  })

  it('warn when only retryTimeoutMs is given, and is below the default connectTimeoutMs', () => {
    const behaviors = resolveBehaviors({ retryTimeoutMs: 100 })
    assert.match(warningsOf(behaviors).join('\n'), /retryTimeoutMs \(100\) is below/)
    assert.deepEqual(warningsOf(resolveBehaviors()), [])
  })

  it('throw when deadTimeoutMs is below retryTimeoutMs', () => {
    assert.throws(() => resolve({ retryTimeoutMs: 5000, deadTimeoutMs: 1000 }), { code })
  })

  it('raise deadTimeoutMs to retryTimeoutMs when deadTimeoutMs is not given', () => {
    assert.equal(resolveBehaviors({ retryTimeoutMs: 90_000 }).deadTimeoutMs, 90_000)
    const { next } = changeBehaviors(resolveBehaviors({ retryTimeoutMs: 90_000 }), {
      retryTimeoutMs: 1000,
    })
    assert.equal(next.deadTimeoutMs, 30_000)
  })

  it('throw for a user name without a password, a stale timeout over the loader timeout, and a stale window of 30 days', () => {
    assert.throws(() => resolve({ username: 'ada' }), { code })
    assert.throws(() => resolve({ staleTimeoutMs: 40_000 }), { code, message: /loaderTimeoutMs/ })
    assert.throws(() => resolve({ staleIfError: '30d' }), { code, message: /30 days/ })
  })

  it('warn of settings that have no effect', () => {
    const off = resolveBehaviors({ autoEjectHosts: false, serverFailureLimit: 3 })
    assert.match(warningsOf(off).join(), /have no effect while autoEjectHosts is false/)
    const unused = resolveBehaviors({ hashWithPrefixKey: true })
    assert.match(warningsOf(unused).join(), /no effect without a keyPrefix/)
    const late = resolveBehaviors({ connectTimeoutMs: 2000 })
    assert.match(warningsOf(late).join(), /above requestTimeoutMs/)
  })
})

describe('changeBehaviors', () => {
  const current = resolveBehaviors({ retries: 2, connections: { min: 2, max: 4 } })

  it('returns the settings that changed, and no others', () => {
    const { next, changes } = changeBehaviors(current, {
      retries: 2,
      requestTimeoutMs: 250,
      connections: { max: 8 },
    })
    assert.deepEqual(changes, {
      requestTimeoutMs: { from: 500, to: 250 },
      connections: {
        from: { min: 2, max: 4, idleMs: 60_000 },
        to: { min: 2, max: 8, idleMs: 60_000 },
      },
    })
    assert.equal(next.retries, 2)
  })

  it('changes nothing when one of the changes is invalid', () => {
    const before = JSON.stringify(current)
    for (const bad of [{ retries: 3, hash: 'nope' }, { retries: 3, nope: 1 }, { discovery: {} }]) {
      assert.throws(() => changeBehaviors(current, bad as BehaviorsInput), { code })
    }
    assert.equal(JSON.stringify(current), before)
  })

  it('restores the default for undefined', () => {
    assert.equal(changeBehaviors(current, { retries: undefined }).next.retries, 1)
  })

  it('remembers which settings were given when a later change contradicts them', () => {
    const behaviors = resolveBehaviors({ connectTimeoutMs: 500 })
    assert.throws(() => changeBehaviors(behaviors, { retryTimeoutMs: 100 }), { code })
  })
})

describe('the policies made of behaviors', () => {
  it('have the settings of hosts and rings in the policy of a cluster', () => {
    const policy = toClusterPolicy(
      resolveBehaviors({ preset: 'memcached', requestTimeoutMs: 77, hashTag: '{}', vnodes: 80 }),
    )
    assert.equal(policy.distribution, 'hashring')
    assert.equal(policy.labelFormat, 'libmemcached')
    assert.equal(policy.requestTimeoutMs, 77)
    assert.equal(policy.hashTag, '{}')
    assert.equal(policy.vnodes, 80)
    assert.equal('jitter' in policy, false)
  })

  it('have the settings of refills in the default refill policy', () => {
    const defaults = toRefillDefaults(resolveBehaviors({ lease: '1m', staleIfError: 5 }))
    assert.equal(defaults.lease, 60)
    assert.equal(defaults.staleIfError, 5)
    assert.equal('retries' in defaults, false)
  })
})
