import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { behaviorsFrom } from '../../../src/behaviors/behaviors-from.ts'
import { resolveBehaviors, warningsOf } from '../../../src/behaviors/resolve.ts'

const code = 'MINTRING_BAD_BEHAVIOR'

describe('behaviorsFrom.pylibmc', () => {
  before(() => {
    process.removeAllListeners('warning')
  })

  it('translates the configuration that Disqus published', () => {
    const behaviors = behaviorsFrom.pylibmc({
      ketama: true,
      _auto_eject_hosts: true,
      _retry_timeout: 30,
    })
    const settings = resolveBehaviors(behaviors)
    assert.equal(settings.autoEjectHosts, true)
    assert.equal(settings.retryTimeoutMs, 30_000)
    assert.equal(settings.distribution, 'ketamaUnweighted')
    assert.deepEqual(behaviors.warnings, [])
    assert.deepEqual(warningsOf(settings), [])
  })

  it('translates the sample configuration of MemCachier', () => {
    const settings = resolveBehaviors(
      behaviorsFrom.pylibmc({
        tcp_nodelay: true,
        tcp_keepalive: true,
        connect_timeout: 2000,
        send_timeout: 750 * 1000,
        receive_timeout: 750 * 1000,
        _poll_timeout: 2000,
        ketama: true,
        remove_failed: 1,
        retry_timeout: 2,
        dead_timeout: 30,
      }),
    )
    assert.equal(settings.connectTimeoutMs, 2000)
    assert.equal(settings.requestTimeoutMs, 2000)
    assert.equal(settings.serverFailureLimit, 1)
    assert.equal(settings.autoEjectHosts, true)
    assert.equal(settings.retryTimeoutMs, 2000)
    assert.equal(settings.deadTimeoutMs, 30_000)
    assert.equal(settings.tcpKeepAliveMs, 30_000)
  })

  it('applies placement options in the order of pylibmc, whatever order they are given in', () => {
    const place = (behaviors: object) => {
      const { distribution, hash } = behaviorsFrom.pylibmc(behaviors as Record<string, unknown>)
      return `${distribution} ${hash}`
    }
    assert.equal(place({}), 'modula one_at_a_time')
    assert.equal(place({ ketama: true }), 'ketamaUnweighted one_at_a_time')
    assert.equal(place({ ketama: true, hash: 'md5' }), 'ketamaUnweighted md5')
    assert.equal(place({ ketama_weighted: 1, hash: 'crc' }), 'ketama md5')
    assert.equal(
      place({ distribution: 'consistent ketama', ketama: 0 }),
      'ketamaUnweighted one_at_a_time',
    )
    assert.equal(place({ distribution: 'modula', ketama: 1, hash: 'murmur' }), 'modula murmur')
    assert.equal(place({ ketama_weighted: 0 }), 'ketamaUnweighted one_at_a_time')
    assert.equal(place({ distribution: 'consistent ketama spy' }), 'ketamaSpy one_at_a_time')
  })

  it('throws for names and values that pylibmc refuses, and names the nearest match', () => {
    const refuse = (behaviors: object, message: RegExp) =>
      assert.throws(() => behaviorsFrom.pylibmc(behaviors as never), { code, message })
    refuse({ retry_timout: 3 }, /mean 'retry_timeout'/)
    refuse({ hash: 'md55' }, /mean 'md5'/)
    refuse({ distribution: 'consistant' }, /mean 'consistent'/)
    refuse({ distribution: 'virtual bucket' }, /placement is undefined/)
    refuse({ ketama: 'yes' }, /takes true or false/)
    refuse({ retry_timeout: '30' }, /takes a number, got string/)
    refuse({ connect_timeout: Number.NaN }, /takes a number, got NaN/)
  })

  it('warns of each option that has no equivalent, but not when it is off', () => {
    const on = { _noreply: 1, num_replicas: 2, pickle_protocol: 2, cas: 0, binary: true }
    const { warnings } = behaviorsFrom.pylibmc(on)
    assert.equal(warnings.length, 5)
    const off = { _noreply: 0, num_replicas: 0, pickle_protocol: -1, cas: 1, binary: false }
    assert.deepEqual(behaviorsFrom.pylibmc(off).warnings, [])
  })

  it("reads pylibmc's own defaults and warns only of those that have no equivalent", () => {
    const defaults = {
      ...{ auto_eject: 0, buffer_requests: 1, cas: 1, connect_timeout: 4000, dead_timeout: 0 },
      ...{ distribution: 'modula', failure_limit: 5, hash: 'default', no_block: 1 },
      ...{ num_replicas: 0, pickle_protocol: -1, receive_timeout: 0, remove_failed: 0 },
      ...{ retry_timeout: 4, send_timeout: 0, tcp_keepalive: 0, tcp_nodelay: 0, verify_keys: 1 },
      ...{ _poll_timeout: 5000, _sort_hosts: 0, _noreply: 0, _hash_with_prefix_key: 0 },
    }
    const behaviors = behaviorsFrom.pylibmc(defaults)
    assert.deepEqual(behaviors.warnings, [])
    const settings = resolveBehaviors(behaviors)
    assert.equal(settings.deadTimeoutMs, 4000)
    assert.equal(settings.tcpKeepAliveMs, 0)
  })
})
