import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromEnvironment } from '../../src/behaviors/env.ts'
import { resolveBehaviors } from '../../src/behaviors/resolve.ts'
import { isMintringError } from '../../src/errors.ts'

const servers = { MEMCACHED_SERVERS: '10.0.0.1,10.0.0.2:11212' }
const code = 'MINTRING_BAD_BEHAVIOR'

describe('fromEnvironment', () => {
  it('looks for server variables in a fixed order', () => {
    const names = ['MINTRING_URL', 'MEMCACHED_URL', 'MEMCACHED_SERVERS']
    const others = ['MEMCACHIER_SERVERS', 'MEMCACHEDCLOUD_SERVERS', 'MEMCACHE_SERVERS']
    const env: Record<string, string> = {}
    for (const name of [...names, ...others].reverse()) {
      env[name] = `${name.toLowerCase()}:11211`
      assert.equal(fromEnvironment(env).servers, env[name])
    }
  })

  it('uses the credentials that belong to the servers it found', () => {
    const env = {
      MEMCACHIER_SERVERS: 'mc1.example.com:11211',
      MEMCACHIER_USERNAME: 'ada',
      MEMCACHIER_PASSWORD: 'secret',
      MEMCACHE_USERNAME: 'other',
      MEMCACHE_PASSWORD: 'other',
    }
    const { behaviors } = fromEnvironment(env)
    assert.equal(behaviors.username, 'ada')
    assert.equal(behaviors.password, 'secret')
  })

  it('reads a bound Cloud Foundry service', () => {
    const credentials = { servers: 'cf:11211', username: 'u', password: 'p' }
    const VCAP_SERVICES = JSON.stringify({
      postgres: [{ credentials: { uri: 'x' } }],
      'user-provided': [{ name: 'my-memcached', credentials }],
    })
    const settings = fromEnvironment({ VCAP_SERVICES })
    assert.equal(settings.servers, 'cf:11211')
    assert.equal(settings.behaviors.password, 'p')
  })

  it('finds a Cloud Foundry service by label, name or tag, in any case', () => {
    const credentials = { servers: 'cf:11211' }
    const found = { credentials }
    const bound: Record<string, Record<string, unknown>[]>[] = [
      { memcachier: [found] },
      { MemCachier: [found] },
      { memcachedcloud: [found] },
      { 'p-memcached': [found] },
      { memcache: [found] },
      { 'user-provided': [{ name: 'our-Memcached', ...found }] },
      { 'user-provided': [{ name: 'cache', tags: ['Caching', 'memcached'], ...found }] },
      { memcachier: [null as never, { credentials: null }, found] },
    ]
    for (const services of bound) {
      const { servers } = fromEnvironment({ VCAP_SERVICES: JSON.stringify(services) })
      assert.equal(servers, 'cf:11211', JSON.stringify(services))
    }
    const other = JSON.stringify({ rediscloud: [{ name: 'cache', ...found }] })
    assert.throws(() => fromEnvironment({ VCAP_SERVICES: other }), { code: 'MINTRING_NO_SERVERS' })
  })

  it('reads the servers of a bound service as a list, a URI or a host and port', () => {
    const shapes: [object, unknown][] = [
      [{ servers: 'a:1,b:2' }, 'a:1,b:2'],
      [{ servers: ['a:1', 'b:2'] }, ['a:1', 'b:2']],
      [{ uri: 'memcached://a:1' }, 'memcached://a:1'],
      [{ host: 'a', port: 1 }, 'a:1'],
      [{ hostname: 'a', port: '1' }, 'a:1'],
      [{ hostname: 'a' }, 'a'],
    ]
    for (const [credentials, servers] of shapes) {
      const VCAP_SERVICES = JSON.stringify({ memcachier: [{ credentials }] })
      assert.deepEqual(fromEnvironment({ VCAP_SERVICES }).servers, servers)
    }
  })

  it('never quotes a value that may hold credentials', () => {
    assert.throws(
      () => fromEnvironment({ VCAP_SERVICES: '{"password": "hunter2' }),
      (error: Error) => !/hunter2/.test(`${error.message} ${error.stack} ${String(error.cause)}`),
    )
  })

  it('lists the variables that can be set when none is', () => {
    assert.throws(() => fromEnvironment({}), { code: 'MINTRING_NO_SERVERS', message: /MEMCACHIER/ })
    assert.throws(() => fromEnvironment({ MEMCACHED_SERVERS: ' ' }), {
      code: 'MINTRING_NO_SERVERS',
    })
  })

  it('reads behaviors from their environment variables', () => {
    const { behaviors } = fromEnvironment({
      ...servers,
      MINTRING_RETRY_TIMEOUT_MS: '30000',
      MINTRING_AUTO_EJECT_HOSTS: 'off',
      MINTRING_CONNECTIONS_MAX: '4',
      MINTRING_LEASE: '1m',
      MINTRING_NEGATIVE_TTL: 'false',
      MINTRING_FAILOVER: 'miss',
      MINTRING_TLS: '1',
      MINTRING_DISTRIBUTION: 'modula',
      MINTRING_JITTER: '0.1',
    })
    const settings = resolveBehaviors(behaviors)
    assert.equal(settings.retryTimeoutMs, 30_000)
    assert.equal(settings.autoEjectHosts, false)
    assert.deepEqual(settings.connections, { min: 1, max: 4, idleMs: 60_000 })
    assert.equal(settings.lease, 60)
    assert.equal(settings.negativeTtl, false)
    assert.equal(settings.failover, 'miss')
    assert.equal(settings.tls, true)
    assert.equal(settings.distribution, 'modula')
    assert.equal(settings.jitter, 0.1)
  })

  it('reads the previous servers from MINTRING_PREVIOUS, and none when it is empty', () => {
    const read = (text: string): unknown => {
      const { behaviors } = fromEnvironment({ ...servers, MINTRING_PREVIOUS: text })
      return resolveBehaviors(behaviors).previous
    }
    assert.deepEqual(read('a:11211, b:11211'), { servers: 'a:11211, b:11211' })
    assert.equal(read(' '), undefined)
    assert.throws(
      () => read('a:99999'),
      (error: unknown) => {
        return isMintringError(error) && /port 99999/.test(error.message)
      },
    )
  })

  it('throws for invalid text and names the environment variable', () => {
    const refuse = (name: string, text: string) =>
      assert.throws(() => fromEnvironment({ ...servers, [name]: text }), {
        code,
        message: new RegExp(`^${name} takes`),
      })
    refuse('MINTRING_RETRY_TIMEOUT_MS', '30s')
    refuse('MINTRING_RETRIES', '')
    refuse('MINTRING_AUTO_EJECT_HOSTS', 'maybe')
    refuse('MINTRING_CONNECTIONS_MAX', 'many')
  })

  it('warns of a variable that is no behavior, and names the nearest one', async () => {
    const seen: string[] = []
    const listen = (warning: Error) => seen.push(warning.message)
    process.on('warning', listen)
    const address = 'MINTRING_memcached://ada:secret@cache'
    fromEnvironment({ ...servers, MINTRING_RETRY_TIMEOUT: '3', MINTRING_VECTORS: '/x' })
    fromEnvironment({ ...servers, [address]: '1' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    assert.equal(seen.length, 2)
    assert.doesNotMatch(seen[1]!, /secret/)
    assert.match(seen[0]!, /MINTRING_RETRY_TIMEOUT is not a behavior.*MINTRING_RETRY_TIMEOUT_MS/)
  })
})
