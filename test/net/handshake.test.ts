import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Handshake, type HandshakeInput } from '../../src/net/handshake.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'

const isCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code

/** Runs a handshake against `replies`; returns what it wrote. */
function play(input: Partial<HandshakeInput>, replies: readonly string[]): [string[], Handshake] {
  const handshake = new Handshake({ host: 'h', metaProbe: 'ask', ...input })
  const written = [handshake.start()]
  const parser = new ReplyParser((reply) => {
    const next = handshake.accept(reply)
    if (next !== '') written.push(next)
  })
  for (const reply of replies) parser.push(Buffer.from(reply))
  return [written, handshake]
}

test('a handshake learns the version, the meta commands and the limits of a modern server', () => {
  const settings =
    'STAT maxbytes 67108864\r\nSTAT item_size_max 2097152\r\nSTAT cas_enabled no\r\nEND\r\n'
  const [written, { abilities }] = play({}, ['VERSION 1.6.18\r\n', 'MN\r\n', settings])
  assert.deepEqual(written, ['version\r\n', 'mn\r\n', 'stats settings\r\n'])
  assert.deepEqual(abilities, {
    version: '1.6.18',
    meta: true,
    cas: false,
    itemSizeMax: 2_097_152,
    idleTimeoutMs: 0,
    proxy: false,
    proxyKind: undefined,
    singleGets: false,
    mayLock: true,
  })
})

test('a handshake learns from the reply to mn that an old server has no meta commands', () => {
  for (const refusal of ['ERROR\r\n', 'EN\r\n']) {
    const [written, { abilities }] = play({}, ['VERSION 1.5.22\r\n', refusal])
    assert.deepEqual(written, ['version\r\n', 'mn\r\n'])
    assert.equal(abilities?.meta, false)
    assert.equal(abilities?.cas, true)
    assert.equal(abilities?.proxy, false)
  }
})

test('a handshake takes an unusual version for a proxy, and does not ask it for settings', () => {
  const [written, { abilities }] = play({}, ['VERSION mcrouter 37.0.0\r\n', 'MN\r\n'])
  assert.deepEqual(written, ['version\r\n', 'mn\r\n'])
  assert.equal(abilities?.proxyKind, 'other')
  assert.equal(abilities?.singleGets, true)
})

test("a handshake recognizes memcached's own proxy by its settings", () => {
  const settings = 'STAT item_size_max 1048576\r\nSTAT proxy_enabled yes\r\nEND\r\n'
  const [, { abilities }] = play({}, ['VERSION 1.6.45\r\n', 'MN\r\n', settings])
  assert.equal(abilities?.proxyKind, 'memcached')
  assert.equal(abilities?.meta, true)
  assert.equal(abilities?.singleGets, true)
  assert.equal(abilities?.itemSizeMax, undefined, 'the limit is that of the servers behind')
})

test('a handshake does not send mn to a server that closed the connection on it: twemproxy', () => {
  const [written, { abilities }] = play({ metaProbe: 'hangs up' }, ['VERSION 1.6.18\r\n'])
  assert.deepEqual(written, ['version\r\n'])
  assert.equal(abilities?.meta, false)
  assert.equal(abilities?.proxyKind, 'twemproxy')
  assert.equal(abilities?.singleGets, true)
})

test('a handshake does not send mn when the user has set protocol to classic', () => {
  const [written, { abilities }] = play({ metaProbe: 'never' }, ['VERSION 1.6.18\r\n'])
  assert.deepEqual(written, ['version\r\n'])
  assert.equal(abilities?.proxy, false)
  assert.equal(abilities?.singleGets, true)
})

test('a handshake continues when a proxy cannot return a version', () => {
  const [written, { abilities }] = play({}, ['SERVER_ERROR Connection refused\r\n'])
  assert.deepEqual(written, ['version\r\n'])
  assert.equal(abilities?.proxyKind, 'other')
  assert.equal(abilities?.meta, false)
})

test('a handshake sends credentials only to a server that asks for them', () => {
  const credentials = { username: 'bob', password: 'sécret' }
  const [open] = play({ credentials }, ['VERSION 1.6.18\r\n', 'MN\r\n', 'END\r\n'])
  assert.ok(open.every((text) => !text.includes('bob')))
  const [written, { abilities }] = play({ credentials }, [
    'CLIENT_ERROR unauthenticated\r\n',
    'STORED\r\n',
    'VERSION 1.6.18\r\n',
    'MN\r\n',
    'END\r\n',
  ])
  assert.equal(written[1], 'set mintring 0 0 11\r\nbob s\xc3\xa9cret\r\n')
  assert.equal(abilities?.version, '1.6.18')
})

test('a handshake rejects missing or wrong credentials with MINTRING_AUTH, without the password', () => {
  const asked = ['CLIENT_ERROR unauthenticated\r\n']
  assert.throws(() => play({}, asked), isCode('MINTRING_AUTH'))
  const credentials = { username: 'bob', password: 'hunter2' }
  const refused = [...asked, 'CLIENT_ERROR authentication failure\r\n']
  assert.throws(
    () => play({ credentials }, refused),
    (error: Error) => {
      assert.ok(!JSON.stringify({ ...error, text: String(error.stack) }).includes('hunter2'))
      return isCode('MINTRING_AUTH')(error)
    },
  )
})

test('a handshake rejects when the server refuses one connection too many', () => {
  const reply = 'ERROR Too many open connections\r\n'
  assert.throws(() => play({}, [reply]), isCode('MINTRING_CONNECTION'))
})

test('a handshake reads a requested item together with the settings, with its ttl', () => {
  const replies = ['VERSION 1.6.18\r\n', 'MN\r\n', 'STAT a 1\r\nEND\r\n', 'VA 4 t90\r\nmark\r\n']
  const [written, { abilities, item }] = play({ itemKey: 'm' }, replies)
  assert.equal(written[2], 'stats settings\r\nmg m t v\r\n')
  assert.deepEqual([String(item?.body), item?.ttlSeconds], ['mark', 90])
  assert.equal(abilities?.meta, true)
})

test('a handshake reads a requested item by gets when there are no meta commands', () => {
  const item = 'VALUE m 0 4 7\r\nmark\r\nEND\r\n'
  const [written, handshake] = play({ itemKey: 'm' }, ['VERSION 1.5.22\r\n', 'ERROR\r\n', item])
  assert.equal(written[2], 'gets m\r\n')
  assert.deepEqual([String(handshake.item?.body), handshake.item?.ttlSeconds], ['mark', undefined])
  assert.equal(handshake.abilities?.meta, false)
})

test('a handshake continues without the requested item when the server has none, or refuses', () => {
  for (const last of ['EN\r\n', 'ERROR\r\n', 'SERVER_ERROR busy\r\n']) {
    const replies = ['VERSION 1.6.18\r\n', 'MN\r\n', 'END\r\n']
    assert.equal(play({ itemKey: 'm' }, replies)[1].abilities, undefined)
    const [, { abilities, item }] = play({ itemKey: 'm' }, [...replies, last])
    assert.equal(abilities?.meta, true)
    assert.equal(item, undefined)
  }
})

test('a handshake does not ask a proxy for an item', () => {
  const [written, { abilities }] = play({ itemKey: 'm' }, ['SERVER_ERROR dead\r\n'])
  assert.deepEqual(written, ['version\r\n'])
  assert.equal(abilities?.proxy, true)
})

/** Handshakes up to the question for items, with the replies that come first. */
const WAYS = {
  'meta commands': ['ask', 'VERSION 1.6.18\r\n', 'MN\r\n', 'STAT cas_enabled no\r\nEND\r\n'],
  'no meta commands': ['ask', 'VERSION 1.5.22\r\n', 'ERROR\r\n'],
  'protocol classic': ['never', 'VERSION 1.6.18\r\n'],
} as const

for (const [way, [metaProbe, ...first]] of Object.entries(WAYS)) {
  test(`a handshake finds out which of two items a server has: ${way}`, () => {
    const input = { itemKey: 'm', flagKey: 'f', metaProbe }
    const hasMeta = way === 'meta commands'
    for (const hasItem of [false, true]) {
      for (const isFlagged of [false, true]) {
        const meta = [
          hasItem ? 'VA 1 t9\r\nx\r\n' : 'EN\r\n',
          isFlagged ? 'VA 1 t5\r\n0\r\n' : 'EN\r\n',
        ]
        const classic = [
          `${hasItem ? 'VALUE m 0 1 7\r\nx\r\n' : ''}END\r\n`,
          `${isFlagged ? 'VALUE f 0 1 8\r\n0\r\n' : ''}END\r\n`,
        ]
        const replies = [...first, ...(hasMeta ? meta : classic)]
        const early = play(input, replies.slice(0, -1))[1]
        assert.equal(early.abilities, undefined)
        const [written, handshake] = play(input, replies)
        const asked = hasMeta ? /mg m t v\r\nmg f t v\r\n$/ : /^gets m\r\ngets f\r\n$/
        assert.match(written.at(-1)!, asked)
        assert.notEqual(handshake.abilities, undefined)
        assert.equal(handshake.item?.body.toString(), hasItem ? 'x' : undefined)
        assert.equal(handshake.isFlagged, isFlagged)
      }
    }
  })
}

test('a handshake with protocol classic asks only memcached for items, once', () => {
  const input = { itemKey: 'm', metaProbe: 'never' } as const
  for (const version of ['VERSION mcrouter 37.0.0\r\n', 'ERROR\r\n', 'SERVER_ERROR dead\r\n']) {
    const [written, { abilities }] = play(input, [version])
    assert.deepEqual(written, ['version\r\n'])
    assert.equal(abilities?.proxy, true)
  }
  const [written, { abilities, item }] = play(input, [
    'VERSION 1.6.18\r\n',
    'SERVER_ERROR dead\r\n',
  ])
  assert.deepEqual(written, ['version\r\n', 'gets m\r\n'])
  assert.deepEqual([abilities?.meta, item], [false, undefined])
})
