import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseServers } from '../../src/hosts/address.ts'
import { leftMsOf, markIn, placementIn, recordOf, TAIL_SECONDS } from '../../src/hosts/mark.ts'

const KETAMA = { distribution: 'ketama' } as const

/** The servers of a recorded placement that a client with the list `own` does not connect to. */
function strangersOf(own: string, previous: string, isOpen = true): string[] | undefined {
  const record = JSON.parse(JSON.stringify(recordOf(parseServers(previous), KETAMA)))
  const known = placementIn(record, parseServers(own), isOpen)
  return known && [...known.strangers].map(({ label }) => label)
}

describe('the previous placement that the mark of a handover records', () => {
  test('is read as it was recorded, without credentials', () => {
    const text = 'a:1:2,memcached://ada:secret@b:2?name=n'
    const record = recordOf(parseServers(text), { distribution: 'modula', hash: 'crc32' })
    assert.ok(!JSON.stringify(record).includes('secret'))
    const own = parseServers('memcached://ada:secret@b:2,a:1')
    const known = placementIn(JSON.parse(JSON.stringify(record)), own, false)!
    assert.deepEqual(
      known.servers.map(({ label, weight, password }) => [label, weight, password]),
      [
        ['a:1', 2, undefined],
        ['n', 1, 'secret'],
      ],
    )
    assert.equal(known.options.distribution, 'modula')
    assert.equal(known.options.hash, 'crc32')
  })

  for (const [own, previous, strangers] of [
    ['a,b', 'a', []],
    ['a,b', 'a,c', ['c:11211']],
    ['10.0.0.1,10.0.0.2', '10.0.0.1,10.0.0.9', []],
    ['10.0.0.1', '10.0.1.9', ['10.0.1.9:11211']],
    ['10.0.0.1', '10.0.0.9:6379', ['10.0.0.9:6379']],
    ['mc-0.cache.svc', 'mc-0.cache.svc,mc-12.cache.svc', []],
    ['mc-0.cache.svc', 'mc-1.cache.evil', ['mc-1.cache.evil:11211']],
    ['mc-0.cache.svc', 'mc-1.cache.svc:80', ['mc-1.cache.svc:80']],
    ['cache', 'cash', ['cash:11211']],
    ['[fd00::1]', '[fd00::2]', ['[fd00::2]:11211']],
    ['unix:/run/a1', 'unix:/run/a2', ['/run/a2']],
    ['a1', '10.0.0.1', ['10.0.0.1:11211']],
  ] as const) {
    const what = strangers.length === 0 ? 'all' : `all but ${strangers.join()}`
    test(`is ${previous}: a client of ${own} connects to ${what}`, () => {
      assert.deepEqual(strangersOf(own, previous), strangers)
    })
  }

  test('leads to no connection outside the own list when credentials would be sent there', () => {
    assert.deepEqual(strangersOf('mc-0', 'mc-0,mc-1', false), ['mc-1:11211'])
  })

  for (const [what, record] of Object.entries({
    'no record': undefined,
    text: 'a,b',
    'no servers': { servers: [], ring: {} },
    'a name with a line break': { servers: [{ host: 'a', name: 'x\r\nflush_all' }], ring: {} },
    'an unknown distribution': { servers: [{ host: 'a' }], ring: { distribution: 'mine' } },
    'too many labels': { servers: [{ host: 'a' }], ring: { vnodes: 65_000 } },
    'too many labels of one server': { servers: [{ host: 'a', vnodes: 65_000 }], ring: {} },
    'a table too large': { servers: [{ host: 'a' }], ring: { tableSize: 16_777_213 } },
    'too many servers': {
      servers: Array.from({ length: 1_001 }, (_, i) => ({ host: `a${i}` })),
      ring: {},
    },
  })) {
    test(`is not read from ${what}`, () => {
      assert.equal(placementIn(record, parseServers('a'), true), undefined)
    })
  }
})

describe('the remaining time of a handover', () => {
  const mark = { id: 'a', announceMs: 10_000, handoverMs: 20_000, startedAtMs: 0 }
  const left = (startedAgoMs: number, ttl: number | undefined): number => {
    const ttlSeconds = ttl === undefined ? undefined : ttl + TAIL_SECONDS
    const startedAtMs = Date.now() - startedAgoMs
    return leftMsOf({ body: Buffer.from(''), ttlSeconds }, { ...mark, startedAtMs })
  }
  const isNear = (found: number, expected: number): void => {
    assert.ok(Math.abs(found - expected) < 900, `${found} is not ${expected}`)
  }

  test('is measured from its recorded start, because servers return ttls only in whole seconds', () => {
    isNear(left(5_400, 25), 24_600)
  })

  test('is measured from its recorded start, wherever in a second the server and the mark are', () => {
    for (let tickMs = 0; tickMs < 1000; tickMs += 90) {
      for (let storedMs = 0; storedMs < 3000; storedMs += 70) {
        const elapsedMs = 2_300
        const leftMs = mark.announceMs + mark.handoverMs - elapsedMs
        // The mark was stored `storedMs` after the start, with a ttl that was rounded up.
        const ttl = Math.ceil((leftMs + elapsedMs - storedMs) / 1000) + TAIL_SECONDS
        const tickAt = (ms: number): number => Math.floor((ms + tickMs) / 1000)
        const ttlSeconds = ttl + tickAt(storedMs) - tickAt(elapsedMs)
        if (storedMs > elapsedMs) continue
        const startedAtMs = Date.now() - elapsedMs
        const told = leftMsOf({ body: Buffer.from(''), ttlSeconds }, { ...mark, startedAtMs })
        assert.ok(Math.abs(told - leftMs) < 100, `${told}, not ${leftMs}`)
      }
    }
  })

  test('is measured by the ttl of the mark when the clock contradicts it', () => {
    assert.equal(left(25_000, 25), 25_000)
    assert.equal(left(-600_000, 25), 25_000)
  })

  test('is measured from its recorded start when the server does not return ttls', () => {
    isNear(left(5_000, undefined), 25_000)
  })

  test('is never more than the whole handover', () => {
    assert.equal(left(-600_000, 900), 30_000)
    assert.equal(left(-600_000, undefined), 30_000)
  })

  test('is undefined for an item that is no mark', () => {
    for (const body of ['', 'text', '{}', JSON.stringify({ ...mark, id: 'a b' })]) {
      assert.equal(markIn({ body: Buffer.from(body), ttlSeconds: 1 }), undefined)
    }
  })

  test('is undefined for a mark that began later than clocks can differ, or at no time', () => {
    const marked = (startedAtMs: unknown): unknown => {
      const body = Buffer.from(JSON.stringify({ ...mark, startedAtMs }))
      return markIn({ body, ttlSeconds: undefined })
    }
    assert.notEqual(marked(Date.now() + 60_000), undefined)
    for (const startedAtMs of [Date.now() + 2 * 86_400_000, null, '1', Number.MAX_VALUE]) {
      assert.equal(marked(startedAtMs), undefined)
    }
  })
})
