import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { distributionNames } from '../../src/ring/distributions/registry.ts'
import type { RingOptions } from '../../src/ring/options.ts'
import { createRing } from '../../src/ring/ring.ts'

const servers = ['10.0.0.1:11211', '10.0.0.2:11211:2', '10.0.0.3:11211:3']
const plainServers = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']
const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`)

describe('createRing', () => {
  for (const distribution of distributionNames) {
    // twemproxy's default hash over five slots causes one of the warnings tested below.
    const options =
      distribution === 'twemproxyModula' ? { distribution, hash: 'md5' as const } : { distribution }

    it(`${distribution}: locate returns the server of indexOf, and every server gets keys`, () => {
      const ring = createRing(plainServers, options)
      const counts = new Map(plainServers.map((server) => [server, 0]))
      for (const key of keys) {
        const { server, index, hash, point } = ring.locate(key)
        assert.equal(index, ring.indexOf(key))
        assert.equal(server, plainServers[index])
        assert.ok(hash >= 0 && hash < 2 ** 32)
        if (ring.points.length > 0) assert.ok(ring.points.includes(point!))
        else assert.equal(point, undefined)
        counts.set(server, counts.get(server)! + 1)
      }
      for (const [server, count] of counts)
        assert.ok(count > 100, `${server} got ${count} of 2,000`)
    })

    it(`${distribution}: shares() match the distribution of many keys`, () => {
      const ring = createRing(plainServers, options)
      const shares = ring.shares()
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9)
      const counts = new Array<number>(plainServers.length).fill(0)
      for (let i = 0; i < 20_000; i++) counts[ring.indexOf(`user:${i}:profile`)]!++
      for (const [i, share] of shares.entries()) {
        assert.ok(Math.abs(counts[i]! / 20_000 - share) < 0.02, `${counts[i]} keys, share ${share}`)
      }
    })

    it(`${distribution}: with one server, it gets every key`, () => {
      const ring = createRing(['10.0.0.1'], options)
      for (const key of keys.slice(0, 100)) assert.equal(ring.indexOf(key), 0)
      assert.equal(ring.locate('a').fallback(), undefined)
    })

    it(`${distribution}: a live server keeps its keys, and those of a dead one go to live ones`, () => {
      const ring = createRing(plainServers, options)
      const live = [true, false, true, false, true]
      for (const key of keys) {
        const home = ring.indexOf(key)
        const index = ring.indexOfLive(key, live)
        if (live[home]) assert.equal(index, home)
        else assert.ok(index === -1 || live[index], `key ${key} on ${index}`)
      }
    })

    it(`${distribution}: locate() returns -1, without an endless loop, when no server is alive`, () => {
      assert.equal(createRing(plainServers, options).indexOfLive('a', new Uint8Array(5)), -1)
    })
  }

  it('is frozen, and so are the objects it returns', () => {
    const ring = createRing(servers)
    assert.ok(Object.isFrozen(ring) && Object.isFrozen(ring.servers))
    ring.points.fill(0)
    assert.notEqual(ring.points.at(-1), 0)
  })

  it('returns the server objects that it was given, not copies', () => {
    const given = [{ host: 'a' }, { host: 'b', weight: 2 }]
    const ring = createRing(given)
    assert.equal(ring.locate('k').server, given[ring.indexOf('k')])
  })

  it('can be awaited, for callers that write await createRing(…)', async () => {
    const ring = await createRing(servers, { hash: 'xxh64' })
    assert.equal(ring.hash, 'xxh64')
  })

  it('accepts all behaviors of a client, and ignores those that do not affect placement', () => {
    const behaviors = { hash: 'md5', autoEjectHosts: true, retries: 2 } as RingOptions
    assert.equal(createRing(servers, behaviors).indexOf('a'), createRing(servers).indexOf('a'))
  })
})

describe('the fallbacks of a key', () => {
  it('list every server once, in the order in which they take over', () => {
    const ring = createRing(plainServers)
    for (const key of keys.slice(0, 50)) {
      const location = ring.locate(key)
      const order = [location.server, ...[1, 2, 3, 4].map((n) => location.fallback(n))]
      assert.equal(new Set(order).size, 5)
      assert.equal(location.fallback(5), undefined)
      assert.equal(location.fallback(1), location.fallback())
      const live = plainServers.map((server) => server !== order[0] && server !== order[1])
      assert.equal(plainServers[ring.indexOfLive(key, live)], order[2])
    }
  })
})

describe('a hash tag', () => {
  const ring = createRing(plainServers, { distribution: 'twemproxy', hashTag: '{}' })
  it('places keys with the same tag on the same server', () => {
    assert.equal(ring.indexOf('{user:1}:a'), ring.indexOf('b:{user:1}'))
    assert.equal(ring.indexOf('{user:1}:a'), ring.indexOf('user:1'))
    assert.equal(ring.indexOf(Buffer.from('x{user:1}')), ring.indexOf('user:1'))
  })
  it('that is empty or unclosed is ignored', () => {
    const untagged = createRing(plainServers, { distribution: 'twemproxy' })
    for (const key of ['{}abc', 'abc{', '}abc{', 'ab}c{d']) {
      assert.equal(ring.indexOf(key), untagged.indexOf(key))
    }
  })
})

describe('a ring made from another ring', () => {
  it('by without() moves only the keys of the removed server', () => {
    const ring = createRing(plainServers)
    const smaller = ring.without('10.0.0.3')
    assert.deepEqual(
      smaller.servers,
      plainServers.filter((server) => server !== '10.0.0.3'),
    )
    const { moved, unrelated, removed, before } = ring.diff(smaller, keys)
    assert.equal(moved, before[2])
    assert.equal(unrelated, 0)
    assert.deepEqual(removed, ['10.0.0.3:11211'])
  })

  it('by without() lacks the server given by index, address, name or entry', () => {
    const given = [{ host: 'a', name: 'one' }, { host: 'b' }, { host: 'c', port: 1 }]
    const ring = createRing(given)
    for (const server of [0, 'one', given[0]!]) {
      assert.deepEqual(ring.without(server).servers, given.slice(1))
    }
    assert.deepEqual(ring.without('c:1').servers, given.slice(0, 2))
    assert.throws(() => ring.without('d'), { code: 'MINTRING_BAD_SERVER' })
    assert.throws(() => ring.without(3), { code: 'MINTRING_BAD_SERVER' })
  })

  it('by with() moves keys only to the added server', () => {
    const ring = createRing(plainServers)
    const { moved, unrelated, added, after } = ring.diff(ring.with('10.0.0.6'), keys)
    assert.equal(moved, after[5])
    assert.equal(unrelated, 0)
    assert.deepEqual(added, ['10.0.0.6:11211'])
  })

  it('by reweight() gives the server its new share', () => {
    const ring = createRing(['a', 'b', 'c', 'd'])
    const heavier = ring.reweight('b', 3)
    assert.ok(Math.abs(heavier.shares()[1]! - 0.5) < 0.06, `${heavier.shares()[1]}`)
    assert.deepEqual(ring.diff(heavier, keys).reweighted, ['b:11211'])
    assert.throws(() => ring.reweight('b', 0), { code: 'MINTRING_BAD_SERVER' })
  })

  it('by rebuiltOver() equals a ring of the live servers, and keeps the indexes', () => {
    const ring = createRing(servers)
    const rebuilt = ring.rebuiltOver([1, 0, 1])
    const fresh = createRing([servers[0]!, servers[2]!])
    for (const key of keys) assert.equal(rebuilt.locate(key).server, fresh.locate(key).server)
    assert.throws(() => ring.rebuiltOver([0, 0, 0]), { code: 'MINTRING_NO_SERVERS' })
  })

  it('cannot lack its last server: without() throws', () => {
    assert.throws(() => createRing(['a']).without('a'), { code: 'MINTRING_NO_SERVERS' })
  })
})

describe('failover to the next live server', () => {
  it('moves exactly the keys of dead servers, for any weights and number of servers', () => {
    const fleets = fc.record({
      weights: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 12 }),
      dead: fc.nat(11),
      salt: fc.nat(1000),
      distribution: fc.constantFrom(...distributionNames),
    })
    fc.assert(
      fc.property(fleets, ({ weights, dead, salt, distribution }) => {
        const fleet = weights.map((weight, i) => ({ host: `10.${salt % 250}.1.${i}`, weight }))
        const ring = createRing(fleet, { distribution })
        const gone = dead % fleet.length
        const live = fleet.map((_, i) => i !== gone)
        for (const key of keys.slice(0, 300)) {
          const home = ring.indexOf(key)
          const now = ring.indexOfLive(key, live)
          if (home !== gone) assert.equal(now, home)
          else assert.notEqual(now, gone)
        }
      }),
      { numRuns: 150 },
    )
  })
})
