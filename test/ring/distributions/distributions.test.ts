import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compat } from '../../../src/ring/compat.ts'
import { jumpHash } from '../../../src/ring/distributions/jump.ts'
import { distributionNames } from '../../../src/ring/distributions/registry.ts'
import { libmemcachedPoints } from '../../../src/ring/points.ts'
import { createRing } from '../../../src/ring/ring.ts'

const keys = Array.from({ length: 3000 }, (_, i) => `key:${i}`)
const fleet = (n: number): string[] => Array.from({ length: n }, (_, i) => `10.0.0.${i + 1}`)

describe('ketama', () => {
  it('gives equal servers 156 points instead of 160 where single precision rounds down', () => {
    const rounded = Array.from({ length: 100 }, (_, i) => i + 1).filter(
      (n) => libmemcachedPoints(1, n, n) === 156,
    )
    assert.deepEqual(rounded, [25, 47, 50, 55, 61, 71, 94, 100])
    assert.equal(createRing(fleet(50)).points.length, 50 * 156)
    assert.equal(createRing(fleet(10)).points.length, 1600)
  })

  it('agrees with twemproxy and npm memcached, and with no other client', () => {
    const ring = createRing(fleet(5), compat.libmemcachedWeighted)
    const agreement = (options: object): number => {
      const other = createRing(fleet(5), options)
      return keys.filter((key) => ring.indexOf(key) === other.indexOf(key)).length / keys.length
    }
    assert.equal(agreement({ ...compat.twemproxy, hash: 'md5' }), 1)
    assert.equal(agreement(compat.memcached), 1)
    assert.equal(agreement(compat.spymemcachedLibmemcached), 1)
    for (const other of [compat.nginx, compat.dalli, compat.hashring, compat.libmemcached]) {
      assert.ok(agreement(other) < 0.5, JSON.stringify(other))
    }
  })

  it('keeps its points sorted', () => {
    const { points } = createRing(fleet(20))
    assert.deepEqual(points, points.slice().sort())
  })
})

describe('jump', () => {
  it('returns the published results of jump hash', () => {
    const published = [
      [1, 1, 0],
      [42, 57, 43],
      [0xdead10cc, 1, 0],
      [0xdead10cc, 666, 361],
      [256, 1024, 520],
    ] as const
    for (const [key, buckets, expected] of published) assert.equal(jumpHash(key, buckets), expected)
  })

  it('moves keys only to a server added at the end of the list', () => {
    const ring = createRing(fleet(9), { distribution: 'jump' })
    const { moved, unrelated } = ring.diff(ring.with('10.0.0.10'), keys)
    assert.equal(unrelated, 0)
    assert.ok(moved / keys.length > 0.07 && moved / keys.length < 0.13)
  })
})

describe('distributions that only mintring has', () => {
  for (const distribution of ['maglev', 'rendezvous'] as const) {
    it(`${distribution} is independent of the order of the list`, () => {
      const ring = createRing(fleet(7), { distribution })
      const reversed = createRing(fleet(7).reverse(), { distribution })
      for (const key of keys) assert.equal(ring.locate(key).server, reversed.locate(key).server)
    })

    it(`${distribution} distributes keys by weight, fractions included`, () => {
      const weights = [0.5, 1.5, 2]
      const servers = weights.map((weight, i) => ({ host: `10.0.0.${i}`, weight }))
      const ring = createRing(servers, { distribution })
      const counts = [0, 0, 0]
      for (let i = 0; i < 40_000; i++) counts[ring.indexOf(`user:${i}`)]!++
      for (const [i, weight] of weights.entries()) {
        assert.ok(Math.abs(counts[i]! / 40_000 - weight / 4) < 0.01, `${counts[i]} of 40,000`)
      }
    })
  }

  it('rendezvous moves only the keys of a removed server, under any weights', () => {
    const servers = fleet(6).map((host, i) => ({ host, weight: i + 1 }))
    const ring = createRing(servers, { distribution: 'rendezvous' })
    for (let i = 0; i < 6; i++) assert.equal(ring.diff(ring.without(i), keys).unrelated, 0)
  })
})

describe('modula', () => {
  it('with a twemproxy preset uses the order and weights of twemproxy', () => {
    const servers = ['delta:1:2', 'alpha:11212:1', 'bravo:1:3']
    const modula = createRing(servers, { ...compat.twemproxy, distribution: 'modula', hash: 'md5' })
    const twemproxy = createRing(servers, { ...compat.twemproxyModula, hash: 'md5' })
    const plain = createRing(servers, { distribution: 'modula', hash: 'md5' })
    assert.ok(keys.every((key) => modula.indexOf(key) === twemproxy.indexOf(key)))
    assert.ok(keys.some((key) => plain.indexOf(key) !== twemproxy.indexOf(key)))
    assert.deepEqual(modula.warnings, [])
  })
})

describe('pymemcache', () => {
  it('places the text and the bytes of one key separately, as Python formats them differently', () => {
    const ring = createRing(fleet(5), compat.pymemcache)
    const split = keys.filter((key) => ring.indexOf(key) !== ring.indexOf(Buffer.from(key)))
    assert.ok(split.length > 2000)
    assert.equal(ring.indexOf(Buffer.from("a'b\\\n\x00")), ring.indexOf('b"a\'b\\\\\\n\\x00"'))
  })
})

describe('every preset', () => {
  for (const [name, preset] of Object.entries(compat)) {
    it(`compat.${name} is frozen and makes a ring`, () => {
      assert.ok(Object.isFrozen(preset))
      assert.ok(distributionNames.includes(preset.distribution))
      const ring = createRing(fleet(3), { ...preset })
      assert.ok(ring.indexOf('a') >= 0)
    })
  }
})
