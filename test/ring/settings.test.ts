import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { distributionNames } from '../../src/ring/distributions/registry.ts'
import type { RingOptions } from '../../src/ring/options.ts'
import { createRing } from '../../src/ring/ring.ts'
import { parseServer } from '../../src/ring/server.ts'

const servers = ['10.0.0.1:11211', '10.0.0.2:11211:2', '10.0.0.3:11211:3']
const plainServers = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']
const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`)

describe('createRing, for invalid input', () => {
  const cases: readonly [string, unknown, unknown, string, RegExp?][] = [
    ['an empty list', [], {}, 'MINTRING_NO_SERVERS'],
    ['a string instead of a list', 'a,b', {}, 'MINTRING_BAD_SERVER'],
    [
      'a near-miss distribution',
      servers,
      { distribution: 'ketema' },
      'MINTRING_BAD_BEHAVIOR',
      /'ketama'/,
    ],
    [
      'a strange distribution',
      servers,
      { distribution: 'zzzzzzz' },
      'MINTRING_BAD_BEHAVIOR',
      /Known: ketama,/,
    ],
    ['a distribution of another type', servers, { distribution: 7 }, 'MINTRING_BAD_BEHAVIOR'],
    ['an inherited name', servers, { distribution: 'toString' }, 'MINTRING_BAD_BEHAVIOR'],
    ['a near-miss hash', servers, { hash: 'fnv1a64' }, 'MINTRING_BAD_BEHAVIOR', /'fnv1a_64'/],
    ['a near-miss point hash', servers, { pointHash: 'mdf5' }, 'MINTRING_BAD_BEHAVIOR', /'md5'/],
    ['a hash tag of one character', servers, { hashTag: '{' }, 'MINTRING_BAD_BEHAVIOR'],
    ['an unknown ejection', servers, { ejection: 'skp' }, 'MINTRING_BAD_BEHAVIOR', /'skip'/],
    ['a label format', servers, { labelFormat: 'spy' }, 'MINTRING_BAD_BEHAVIOR'],
    ['vnodes of 0', servers, { vnodes: 0 }, 'MINTRING_BAD_BEHAVIOR'],
    ['replicas of 5', servers, { replicas: 5 }, 'MINTRING_BAD_BEHAVIOR'],
    ['a table size that is no prime', servers, { tableSize: 65536 }, 'MINTRING_BAD_BEHAVIOR'],
    [
      'a table smaller than the list',
      servers,
      { distribution: 'maglev', tableSize: 2 },
      'MINTRING_BAD_BEHAVIOR',
    ],
    ['a weight of 0', ['a:1:0'], {}, 'MINTRING_BAD_SERVER'],
    [
      'a fractional weight on ketama',
      [{ host: 'a', weight: 1.5 }],
      {},
      'MINTRING_BAD_SERVER',
      /whole/,
    ],
    ['one server twice', ['a', 'b', 'a:11211'], {}, 'MINTRING_DUPLICATE_SERVER', /'a'/],
    [
      'one name twice',
      [
        { host: 'a', name: 'x' },
        { host: 'b', name: 'x' },
      ],
      { distribution: 'twemproxy' },
      'MINTRING_DUPLICATE_SERVER',
    ],
    [
      'weights of too many points',
      Array.from({ length: 3 }, (_, i) => `10.0.0.${i}:1:65535`),
      { distribution: 'nginx' },
      'MINTRING_BAD_SERVER',
      /points/,
    ],
    [
      'a host name without its address on a spymemcached ring',
      ['a', 'b'],
      { distribution: 'spymemcached' },
      'MINTRING_BAD_SERVER',
      /'ip'/,
    ],
  ]
  for (const [what, list, options, code, message = /./] of cases) {
    it(`${what} throws ${code}`, () => {
      assert.throws(() => createRing(list as string[], options as RingOptions), { code, message })
    })
  }

  it('one server listed twice is accepted where the imitated client accepts it', () => {
    const ring = createRing(['a', 'b', 'a'], { duplicates: 'allow' })
    assert.ok(keys.every((key) => ring.indexOf(key) !== 2))
  })
})

describe('the warning about a weight that leaves a server without keys', () => {
  const uneven = ['10.0.0.1:11211:1', '10.0.0.2:11211:1000', '10.0.0.3:11211:900']
  const said = /these servers get no keys .*10\.0\.0\.1:11211 \(1\)/

  for (const distribution of distributionNames) {
    it(`is given by a ${distribution} ring exactly when the server has no key`, () => {
      const given = uneven
        .map((server) => parseServer(server))
        .map(({ host, weight }) => {
          return { host, ip: host, weight }
        })
      const ring = createRing(given, { distribution })
      const isKeyless = ring.shares()[0] === 0
      assert.equal(
        ring.warnings.some((text) => said.test(text)),
        isKeyless,
      )
      if (!isKeyless) return
      assert.ok(Array.from({ length: 20_000 }, (_, i) => ring.indexOf(`k${i}`)).every((i) => i > 0))
    })
  }

  it('is not given when every server has keys, nor for a ring without dead servers', () => {
    assert.deepEqual(createRing(servers).warnings, [])
    const ring = createRing(servers)
    assert.deepEqual(ring.rebuiltOver([true, false, true]).warnings, [])
  })

  it('names three servers and counts the others', () => {
    const many = Array.from({ length: 6 }, (_, i) => `10.0.1.${i}:11211:1`)
    const [text] = createRing([...many, '10.0.2.1:11211:10000']).warnings
    assert.match(text!, /10\.0\.1\.2:11211 \(1\) and 3 more\./)
  })
})

describe('warnings about settings that distribute keys badly', () => {
  const warnings: (Error & { code?: string })[] = []
  process.on('warning', (warning) => warnings.push(warning))
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('are given once for a 15-bit hash on a 32-bit ring, with the true figure', async () => {
    const ring = createRing(plainServers, { hash: 'crc32' })
    createRing(plainServers, { hash: 'crc32' })
    await nextTurn()
    const told = warnings.filter((warning) => warning.message.includes('2,048 of 2,048'))
    assert.equal(told.length, 1)
    assert.equal(told[0]!.code, 'MINTRING_RING_TRAP')
    assert.equal(ring.warnings.length, 1)
    assert.ok(Math.max(...ring.shares()) > 0.99)
    assert.equal(new Set(keys.map((key) => ring.indexOf(key))).size, 1)
  })

  it('are given for fnv1a_64 modulo 3, with the true numbers of keys', async () => {
    const ring = createRing(['a', 'b', 'c'], { distribution: 'modula', hash: 'fnv1a_64' })
    await nextTurn()
    assert.ok(warnings.some((warning) => warning.message.includes('90 / 0 / 1,710')))
    const counts = [0, 0, 0]
    for (let i = 0; i < 1800; i++) counts[ring.indexOf(`key:${i}`)]!++
    assert.deepEqual(counts, [90, 0, 1710])
  })

  it('are given for weights that are ignored', () => {
    assert.match(createRing(servers, { distribution: 'jump' }).warnings.join(), /ignores weights/)
    assert.match(createRing(servers, { distribution: 'modula' }).warnings.join(), /ignores weights/)
  })

  it('are not given for the defaults, nor for crc32 where the whole hash is used', () => {
    assert.deepEqual(createRing(servers).warnings, [])
    assert.deepEqual(createRing(servers, { distribution: 'nginx', hash: 'crc32' }).warnings, [])
  })
})
