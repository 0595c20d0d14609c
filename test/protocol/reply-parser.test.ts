import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isMintringError, MintringError } from '../../src/errors.ts'
import { TTL_UNTOLD } from '../../src/protocol/reply.ts'
import { ReplyKind } from '../../src/protocol/reply-kind.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'
import { type Heard, hear, parse } from './corpus.ts'

const untold: Heard = {
  kind: ReplyKind.Line,
  text: '',
  key: '',
  keyIsBase64: false,
  flags: 0,
  size: 0,
  ttl: TTL_UNTOLD,
  marks: '',
  hit: -1,
  lastAccess: -1,
  opaque: '',
  cas: '',
  number: 0n,
  value: '',
}

function heard(text: string, told: Partial<Heard>): void {
  const outcome = parse(text)
  assert.equal(outcome.error, undefined)
  assert.equal(outcome.pendingBytes, 0)
  const line = text.slice(0, text.indexOf('\n')).replace('\r', '')
  assert.deepEqual(outcome.replies, [{ ...untold, text: line, ...told }])
}

describe('ReplyParser, for classic replies', () => {
  test('reads a value with its key and flags', () => {
    heard('VALUE a:1 4294967295 3\r\na\r\n\r\n', {
      kind: ReplyKind.Value,
      key: 'a:1',
      flags: 4294967295,
      size: 3,
      value: 'a\r\n',
    })
  })
  test('reads the CAS id of gets, up to 2^64-1', () => {
    heard('VALUE a 0 0 18446744073709551615\r\n\r\n', {
      kind: ReplyKind.Value,
      key: 'a',
      cas: '18446744073709551615',
    })
  })
  test('reads the new number of an incr, up to 2^64-1, and with spaces after it', () => {
    const number = 18446744073709551615n
    heard('18446744073709551615\r\n', { kind: ReplyKind.Number, number })
    heard('9  \r\n', { kind: ReplyKind.Number, number: 9n })
  })
  const words: [string, ReplyKind][] = [
    ['END', ReplyKind.End],
    ['STORED', ReplyKind.Stored],
    ['NOT_STORED', ReplyKind.NotStored],
    ['EXISTS', ReplyKind.Exists],
    ['NOT_FOUND', ReplyKind.NotFound],
    ['DELETED', ReplyKind.Deleted],
    ['TOUCHED', ReplyKind.Touched],
    ['OK', ReplyKind.Ok],
    ['RESET', ReplyKind.Reset],
    ['MN', ReplyKind.Mn],
    ['VERSION 1.6.45', ReplyKind.Version],
    ['ERROR', ReplyKind.Error],
    ['ERROR Too many open connections', ReplyKind.Error],
    ['ERROR: shutdown not enabled', ReplyKind.Error],
    ['CLIENT_ERROR bad data chunk', ReplyKind.ClientError],
    ['SERVER_ERROR out of memory storing object', ReplyKind.ServerError],
    ['SERVER_ERROR: shutdown not enabled', ReplyKind.ServerError],
    ['BUSY currently processing crawler request', ReplyKind.Line],
    ['MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m', ReplyKind.Line],
    ['WATCHER_TOO_MANY log watcher limit reached', ReplyKind.Line],
    ['mg a2V5 b', ReplyKind.Line],
  ]
  for (const [line, kind] of words) {
    test(`reads the line ${line}`, () => heard(`${line}\r\n`, { kind }))
  }
  test('reads a STAT by its name', () => {
    heard('STAT items:1:number 3\r\n', { kind: ReplyKind.Stat, key: 'items:1:number' })
    const rests: string[] = []
    const parser = new ReplyParser((reply) => rests.push(reply.rest()))
    parser.push(Buffer.from('STAT version 1.6.18 x\r\nSTAT empty \r\nERROR\r\n'))
    assert.deepEqual(rests, ['version 1.6.18 x', 'empty ', ''])
  })
  test('reads a CONFIG block by its length', () => {
    const block = '1\nhost|10.0.0.1|11211\n'
    heard(`CONFIG cluster 0 ${block.length}\r\n${block}\r\n`, {
      kind: ReplyKind.Config,
      key: 'cluster',
      size: block.length,
      value: block,
    })
  })
  test('reads dump and watch lines, which end in a bare line feed', () => {
    heard('key=a%20b exp=-1 la=1 cas=2 fetch=no cls=1 size=60\n', { kind: ReplyKind.Line })
    heard('ts=1.5 gid=3 type=item_get key=a status=found\n', { kind: ReplyKind.Line })
    heard('skipped=12\n', { kind: ReplyKind.Line })
  })
})

describe('ReplyParser, for meta replies', () => {
  test('reads every flag of a value', () => {
    heard('VA 2 s2 v f5 t77 c12 h1 l9 ka2V5 b Oxyz W X Z\r\nhi\r\n', {
      kind: ReplyKind.Va,
      size: 2,
      value: 'hi',
      flags: 5,
      ttl: 77,
      cas: '12',
      hit: 1,
      lastAccess: 9,
      key: 'a2V5',
      keyIsBase64: true,
      opaque: 'xyz',
      marks: 'WXZ',
    })
  })
  test('reads a ttl without end, and a missing ttl', () => {
    heard('HD t-1\r\n', { kind: ReplyKind.Hd, ttl: -1 })
    heard('HD\r\n', { kind: ReplyKind.Hd, ttl: TTL_UNTOLD })
  })
  test('reads the size and key of an item without its value', () => {
    heard('HD s1024 kfoo h0\r\n', { kind: ReplyKind.Hd, size: 1024, key: 'foo', hit: 0 })
  })
  test('reads the trailing space that 1.6.10 to 1.6.17 send', () => {
    heard('HD \r\n', { kind: ReplyKind.Hd })
    heard('EN \r\n', { kind: ReplyKind.En })
    heard('VA 1 t5 \r\nx\r\n', { kind: ReplyKind.Va, size: 1, value: 'x', ttl: 5 })
    heard('VA 1 \r\nx\r\n', { kind: ReplyKind.Va, size: 1, value: 'x' })
  })
  test('reads misses and refusals with their opaque', () => {
    heard('NF O1\r\n', { kind: ReplyKind.Nf, opaque: '1' })
    heard('NS kfoo\r\n', { kind: ReplyKind.Ns, key: 'foo' })
    heard('EX c8\r\n', { kind: ReplyKind.Ex, cas: '8' })
    heard('EN O9\r\n', { kind: ReplyKind.En, opaque: '9' })
  })
  test('reads a debug line by its key', () => {
    heard('ME foo exp=-1 la=2 cas=1 fetch=no cls=1 size=63\r\n', { kind: ReplyKind.Me, key: 'foo' })
  })
  test('ignores flags of later versions', () => {
    heard('HD y1 c3\r\n', { kind: ReplyKind.Hd, cas: '3' })
  })
})

describe('the reply object of a ReplyParser', () => {
  test('compares keys and opaques without making strings', () => {
    const answers: boolean[] = []
    const parser = new ReplyParser((reply) => {
      answers.push(reply.keyEquals('k\xc3\xa9'), reply.keyEquals('k\xc3\xaa'), reply.keyEquals('k'))
      answers.push(reply.opaqueEquals('77'), reply.opaqueEquals(''))
    })
    parser.push(Buffer.from('HD kké O77\r\n'))
    assert.deepEqual(answers, [true, false, false, true, false])
  })
  test('returns the CAS id as a bigint, 0n when there is none', () => {
    const cases: [boolean, bigint][] = []
    const parser = new ReplyParser((reply) => cases.push([reply.hasCas, reply.cas]))
    parser.push(Buffer.from('HD c18446744073709551615\r\nHD c0\r\nHD\r\n'))
    assert.deepEqual(cases, [
      [true, 18446744073709551615n],
      [true, 0n],
      [false, 0n],
    ])
  })
  test('returns the value as UTF-8 text', () => {
    const values: string[] = []
    const parser = new ReplyParser((reply) => values.push(reply.valueString()))
    const text = 'zürich €'
    parser.push(Buffer.from(`VA ${Buffer.byteLength(text)}\r\n${text}\r\n`))
    assert.deepEqual(values, [text])
  })
  test('returns a view of a value that is whole in the chunk, and says so', () => {
    const chunk = Buffer.from('VALUE a 0 3\r\nabc\r\n')
    let copy: Buffer | undefined
    const parser = new ReplyParser((reply) => {
      assert.equal(reply.data, chunk)
      assert.equal(reply.dataOwned, false)
      copy = reply.valueBuffer()
    })
    parser.push(chunk)
    chunk.fill(0)
    assert.equal(String(copy), 'abc')
  })
  test('uses one buffer for several small values that arrive in pieces', () => {
    const kept: Buffer[] = []
    const parser = new ReplyParser((reply) => {
      assert.equal(reply.dataOwned, false)
      kept.push(reply.valueBuffer())
    })
    for (const piece of ['VALUE a 0 3\r\na', 'bc\r\nVALUE b 0 3\r\nd', 'ef\r\n']) {
      parser.push(Buffer.from(piece))
    }
    assert.deepEqual(kept.map(String), ['abc', 'def'])
  })
  test('owns a large value that arrived in pieces, and hands it over without a copy', () => {
    const kept: Buffer[] = []
    const parser = new ReplyParser((reply) => {
      assert.equal(reply.dataOwned, true)
      assert.equal(reply.valueBuffer(), reply.data)
      kept.push(reply.valueBuffer())
    })
    for (const letter of ['a', 'b']) {
      parser.push(Buffer.from(`VALUE ${letter} 0 3000000\r\n`))
      for (let i = 0; i < 3; i++) parser.push(Buffer.alloc(1_000_000, letter))
      parser.push(Buffer.from('\r\n'))
    }
    assert.equal(kept.length, 2)
    assert.ok(kept[0]!.equals(Buffer.alloc(3_000_000, 'a')))
    assert.ok(kept[1]!.equals(Buffer.alloc(3_000_000, 'b')))
  })
  test('is the same object each time, and holds no bytes between pushes', () => {
    const seen = new Set<unknown>()
    const parser = new ReplyParser((reply) => seen.add(reply))
    parser.push(Buffer.from('STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n'))
    assert.equal(seen.size, 1)
    const [reply] = seen as Set<{ data: Buffer; lineBuffer: Buffer }>
    assert.equal(reply!.data.length + reply!.lineBuffer.length, 0)
  })
})

describe('a ReplyParser after an error', () => {
  test('throws the same typed error on every push, and holds no bytes', () => {
    const replies: string[] = []
    const parser = new ReplyParser((reply) => replies.push(reply.text()))
    const first = thrown(() => parser.push(Buffer.from('STORED\r\nWHAT\r\nSTORED\r\n')))
    assert.ok(isMintringError(first) && first.code === 'MINTRING_PROTOCOL')
    assert.equal(
      thrown(() => parser.push(Buffer.from('STORED\r\n'))),
      first,
    )
    assert.deepEqual(replies, ['STORED'])
    assert.equal(parser.pendingBytes, 0)
  })
  test('throws the error of its callback, and reads nothing more', () => {
    const refusal = new MintringError('MINTRING_PROTOCOL', 'not what was asked')
    let calls = 0
    const parser = new ReplyParser(() => {
      calls++
      throw refusal
    })
    assert.equal(
      thrown(() => parser.push(Buffer.from('STORED\r\nSTORED\r\n'))),
      refusal,
    )
    assert.equal(
      thrown(() => parser.push(Buffer.from('STORED\r\n'))),
      refusal,
    )
    assert.equal(calls, 1)
  })
})

test('pendingBytes counts the bytes of an unfinished reply', () => {
  const replies: Heard[] = []
  const parser = new ReplyParser((reply) => replies.push(hear(reply)))
  const at = (piece: string): number => {
    parser.push(Buffer.from(piece))
    return parser.pendingBytes
  }
  assert.equal(at('VAL'), 3)
  assert.equal(at('UE a 0 5\r\n'), 11)
  assert.equal(at('hel'), 14)
  assert.equal(at('lo\r'), 17)
  assert.equal(at('\nEN'), 2)
  assert.equal(at('D\r\n'), 0)
  assert.equal(replies.length, 2)
})

function thrown(run: () => void): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  assert.fail('nothing was thrown')
}
