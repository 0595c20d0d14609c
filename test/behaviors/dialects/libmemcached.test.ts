import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { behaviorsFrom } from '../../../src/behaviors/behaviors-from.ts'
import { resolveBehaviors } from '../../../src/behaviors/resolve.ts'
import { createRing } from '../../../src/ring/ring.ts'

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8'))

/** Whether `memcparse` of libmemcached 1.1.4 accepted each string. */
const strings = read('memcparse.json') as readonly (readonly [string, boolean])[]
/** Where libmemcached 1.1.4 put key:0 … key:199: each digit is a server's index. */
const placements = read('libmemcached-placement.json') as readonly (readonly [string, string])[]

function isTaken(configuration: string): boolean {
  try {
    behaviorsFrom.libmemcached(configuration)
    return true
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'MINTRING_BAD_BEHAVIOR')
    return false
  }
}

const hasMemcparse = spawnSync('memcparse', ['--SERVER=localhost']).status === 0

describe('behaviorsFrom.libmemcached', () => {
  before(() => {
    // Discards warnings: the tests below read them, and here they would fill the terminal.
    process.removeAllListeners('warning')
  })

  it("accepts and refuses the same strings as libmemcached's own parser, memcparse", () => {
    assert.ok(strings.length >= 200)
    for (const [configuration, taken] of strings) {
      assert.equal(isTaken(configuration), taken, JSON.stringify(configuration))
    }
  })

  it("agrees with libmemcached's own parser, memcparse, if it is installed", {
    skip: !hasMemcparse && 'no memcparse',
  }, () => {
    for (const [configuration] of strings) {
      const taken = spawnSync('memcparse', [configuration]).status === 0
      assert.equal(isTaken(configuration), taken, JSON.stringify(configuration))
    }
  })

  it('places keys where libmemcached does, in any order of the options', () => {
    for (const [configuration, expected] of placements) {
      const behaviors = behaviorsFrom.libmemcached(configuration)
      const hosts = behaviors.servers!.map((server) => (server as { host: string }).host)
      const ring = createRing(behaviors.servers!, behaviors)
      // With --SORT-HOSTS, libmemcached numbers its servers in sorted order.
      const theirs = behaviors.serverOrder === 'hostname' ? [...hosts].sort() : hosts
      const prefix = behaviors.hashWithPrefixKey ? behaviors.keyPrefix : ''
      for (let key = 0; key < expected.length; key++) {
        const ours = hosts[ring.indexOf(`${prefix}key:${key}`)]
        assert.equal(ours, theirs[Number(expected[key])], `${configuration}: key:${key}`)
      }
    }
  })

  it('returns the servers beside the behaviors, and is accepted where behaviors are', () => {
    const behaviors = behaviorsFrom.libmemcached(
      '--SERVER=10.0.0.1:11212/?3 --SERVER=cache.example.com --SOCKET="/run/mc.sock"/?2',
    )
    assert.deepEqual(behaviors.servers, [
      { host: '10.0.0.1', port: 11_212, weight: 3 },
      { host: 'cache.example.com', weight: 1 },
      { path: '/run/mc.sock', weight: 2 },
    ])
    assert.equal(resolveBehaviors(behaviors).distribution, 'modula')
    assert.equal(resolveBehaviors({ ...behaviors, retries: 0 }).retries, 0)
  })

  it('converts seconds and microseconds to milliseconds', () => {
    const behaviors = behaviorsFrom.libmemcached(
      '--SERVER=localhost --CONNECT-TIMEOUT=250 --RETRY-TIMEOUT=3 --RCV-TIMEOUT=700500',
    )
    assert.equal(behaviors.connectTimeoutMs, 250)
    assert.equal(behaviors.retryTimeoutMs, 3000)
    assert.equal(behaviors.requestTimeoutMs, 701)
  })

  it('warns of each option that has no equivalent, and names the replacement', () => {
    const { warnings } = behaviorsFrom.libmemcached(
      '--SERVER=localhost --NOREPLY --NUMBER-OF-REPLICAS=2 --USE-UDP --DISTRIBUTION=random,MD5',
    )
    assert.equal(warnings.length, 5)
    assert.match(warnings.join('\n'), /NOREPLY.*waits.*\n.*REPLICAS.*fallback.*\n.*uses TCP/)
  })

  it("keeps mintring's timeouts where libmemcached has none", () => {
    const behaviors = behaviorsFrom.libmemcached(
      '--SERVER=localhost --POLL-TIMEOUT=0 --RETRY-TIMEOUT=0 --CONNECT-TIMEOUT=0',
    )
    assert.equal(behaviors.warnings.length, 2)
    assert.equal(resolveBehaviors(behaviors).requestTimeoutMs, 500)
  })

  it('reports the position at which a string is wrong', () => {
    assert.throws(() => behaviorsFrom.libmemcached('--SERVER=localhost --HASH=MD6'), {
      code: 'MINTRING_BAD_BEHAVIOR',
      message: /column 27 \('MD6'\).*mean 'MD5'/,
    })
    assert.throws(() => behaviorsFrom.libmemcached('--SERVER=localhost  --NOREPLY'), {
      message: /one blank/,
    })
    assert.throws(() => behaviorsFrom.libmemcached('--SERVER='), { message: /at its end/ })
  })
})
