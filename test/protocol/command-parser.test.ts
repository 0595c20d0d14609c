import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Command, itemBytes } from '../../src/protocol/command.ts'
import { CommandParser, type CommandParserOptions } from '../../src/protocol/command-parser.ts'

/** What the test records of a command; `value` only for commands that have one. */
interface Seen {
  readonly verb: string
  readonly line: string
  readonly problem?: string
  readonly value?: string
  readonly wellEnded?: boolean
  readonly tooLarge?: boolean
}

const STORES = /^(set|add|replace|append|prepend|cas|ms|config)$/

function remember(command: Command): Seen {
  const seen = { verb: command.verb, line: command.line.whole() }
  if (command.problem !== undefined) return { ...seen, problem: command.problem }
  if (!STORES.test(command.verb)) return seen
  if (command.tooLarge) return { ...seen, tooLarge: true }
  const value = command.takeValue().toString('latin1')
  return { ...seen, value, wellEnded: command.dataEndsWell }
}

function parse(chunks: readonly Buffer[], options: CommandParserOptions = {}): Seen[] {
  const seen: Seen[] = []
  const parser = new CommandParser((command) => seen.push(remember(command)), options)
  for (const chunk of chunks) {
    // Overwrites each chunk after its push: the parser must not read it again.
    const lent = Buffer.from(chunk)
    parser.push(lent)
    lent.fill(0)
  }
  return seen
}

const CORPUS = Buffer.from(
  [
    'get a b  c\r\nset a 1 2 5\r\nhello\r\nset a 0 0 0 noreply\r\n\r\n',
    'set a x 0 5\r\nhello\r\nset a 0 0 3\r\nhello\r\ncas k 0 -1 2 18446744073709551615\r\na\n\r\n',
    'ms k 5 T30 c k Oop\r\nab\r\nc\r\nms Zm9v 2 b\r\nhi\r\nms k 3 T1 T1\r\nxyz\r\nms k x\r\n',
    'mg k v t f c\r\nmd k q I\r\nma k N0 J5\r\nmn\r\n\r\n\n \r\nme k\r\nincr n 5\nquit\r\n',
    `set big 0 0 999999999\r\n`,
  ].join(''),
  'latin1',
)

describe('CommandParser', () => {
  test('reads lines, words and values', () => {
    const text = 'get a  b\r\nset k 1 2 3 noreply\r\nx\ny\r\nms k 1 c\r\nz\r\nmn\n'
    assert.deepEqual(parse([Buffer.from(text)]), [
      { verb: 'get', line: 'get a  b' },
      { verb: 'set', line: 'set k 1 2 3 noreply', value: 'x\ny', wellEnded: true },
      { verb: 'ms', line: 'ms k 1 c', value: 'z', wellEnded: true },
      { verb: 'mn', line: 'mn' },
    ])
  })

  test('returns the fields of a storage command as numbers', () => {
    let fields: unknown
    const parser = new CommandParser((command) => {
      const { key, flags, exptime, cas, length, noreply } = command
      fields = { key, flags, exptime, cas, length, noreply }
    })
    parser.push(Buffer.from('cas k\xe9 7 -5 2 18446744073709551615 noreply\r\nab\r\n', 'latin1'))
    const cas = 18_446_744_073_709_551_615n
    assert.deepEqual(fields, {
      key: 'k\xe9',
      flags: 7,
      exptime: -5,
      cas,
      length: 2,
      noreply: true,
    })
  })

  test('finds the same commands wherever the bytes are cut', () => {
    const whole = parse([CORPUS])
    assert.equal(whole.length, 23)
    for (let cut = 1; cut < CORPUS.length; cut++) {
      assert.deepEqual(parse([CORPUS.subarray(0, cut), CORPUS.subarray(cut)]), whole, `at ${cut}`)
    }
    assert.deepEqual(parse(Array.from(CORPUS, (byte) => Buffer.of(byte))), whole)
  })

  test('finds the same commands in any three pieces of any bytes', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'set a 0 0 3\r\n',
        'abc\r\n',
        'get a\r\n',
        'ms a 2 c\r\n',
        '\r\n',
        ' ',
        'mg ',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(), fc.nat(), (pieces, one, two) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1')
        const [first = 0, second = 0] = [one, two]
          .map((cut) => cut % (bytes.length + 1))
          .sort((a, b) => a - b)
        const cut = [
          bytes.subarray(0, first),
          bytes.subarray(first, second),
          bytes.subarray(second),
        ]
        assert.deepEqual(parse(cut), parse([bytes]))
      }),
      { numRuns: 3_000 },
    )
  })

  test('keeps a value that arrived in pieces without copying it again', () => {
    const values: Buffer[] = []
    const owned: boolean[] = []
    const parser = new CommandParser((command) => {
      owned.push(command.dataOwned)
      values.push(command.takeValue())
    })
    parser.push(Buffer.from('set a 0 0 4\r\nab'))
    parser.push(Buffer.from('cd\r\nset b 0 0 2\r\nxy\r\n'))
    assert.deepEqual(owned, [true, false])
    assert.deepEqual(values.map(String), ['abcd', 'xy'])
  })

  test('skips an item over the size limit without buffering its value', () => {
    const seen: Seen[] = []
    const parser = new CommandParser((command) => seen.push(remember(command)))
    parser.push(Buffer.from('set a 0 0 1048576\r\n'))
    assert.deepEqual(seen, [{ verb: 'set', line: 'set a 0 0 1048576', tooLarge: true }])
    for (let sent = 0; sent < 1_048_576; sent += 65_536) {
      parser.push(Buffer.alloc(65_536, 'v'))
      assert.equal(parser.pendingBytes, 0)
    }
    parser.push(Buffer.from('\r\nmn\r\n'))
    assert.equal(seen.at(-1)?.verb, 'mn')
  })

  test('takes time linear in the bytes of a value that arrives byte by byte', () => {
    const size = 4 * 1024 * 1024
    let length = 0
    const parser = new CommandParser(
      (command) => {
        length = command.takeValue().length
      },
      { maxItemBytes: 2 * size },
    )
    parser.push(Buffer.from(`set a 0 0 ${size}\r\n`))
    const byte = Buffer.from('v')
    for (let sent = 0; sent < size; sent++) parser.push(byte)
    parser.push(Buffer.from('\r\n'))
    assert.equal(length, size)
  })

  test('ends on a long line without a line end, but accepts a get up to the limit', () => {
    const junk = new CommandParser(() => {})
    junk.push(Buffer.alloc(2_048, 'x'))
    assert.equal(junk.ended, false)
    junk.push(Buffer.from('x'))
    assert.equal(junk.ended, true)

    let words = 0
    const get = new CommandParser((command) => {
      words = command.line.count
    })
    get.push(Buffer.from('get'))
    for (let index = 0; index < 10_000; index++) get.push(Buffer.from(' k'))
    get.push(Buffer.from('\r\n'))
    assert.equal(words, 10_001)

    const endless = new CommandParser(() => {}, { maxLineBytes: 10_000 })
    for (let index = 0; index < 11; index++) endless.push(Buffer.from(`get ${'k'.repeat(996)}`))
    assert.equal(endless.ended, true)
  })

  test('reads nothing after stop(), not even from the same chunk', () => {
    const verbs: string[] = []
    const parser = new CommandParser((command) => {
      verbs.push(command.verb)
      if (command.verb === 'quit') parser.stop()
    })
    parser.push(Buffer.from('get a\r\nquit\r\nget b\r\n'))
    parser.push(Buffer.from('get c\r\n'))
    assert.deepEqual(verbs, ['get', 'quit'])
  })

  test('reads meta commands as unknown when the server does not have them', () => {
    const seen = parse([Buffer.from('ms a 2\r\nhi\r\nmg a v\r\n')], { meta: false })
    assert.deepEqual(
      seen.map(({ line }) => line),
      ['ms a 2', 'hi', 'mg a v'],
    )
  })

  test('reads the value of config set when the server accepts one', () => {
    const text = Buffer.from('config set cluster 0 5\r\n1\na:1\r\nmn\r\n')
    assert.equal(parse([text], { config: true })[0]?.value, '1\na:1')
    assert.equal(parse([text]).length, 4)
  })

  test('does not throw for any bytes in any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const parser = new CommandParser((command) => void remember(command))
        for (const chunk of chunks) parser.push(Buffer.from(chunk))
        assert.ok(parser.pendingBytes <= 1024 * 1024 + 4_000)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('MetaFlags', () => {
  function metaOf(line: string): Command['meta'] & { readonly seen: boolean } {
    let meta: Command['meta'] | undefined
    new CommandParser((command) => {
      meta = command.meta
    }).push(Buffer.from(`${line}\r\n`))
    return Object.assign(meta!, { seen: true })
  }

  test('are read with their numbers, and reset with the next command', () => {
    const meta = metaOf('mg k N30 T-1 R5 v q u I C18446744073709551615 F9 J7 D8 MX')
    assert.deepEqual([meta.vivifyTtl, meta.ttl, meta.recacheTtl], [30, -1, 5])
    assert.deepEqual([meta.value, meta.quiet, meta.noUpdate, meta.invalidate], Array(4).fill(true))
    assert.deepEqual([meta.cas, meta.initial, meta.delta], [2n ** 64n - 1n, 7n, 8n])
    assert.deepEqual([meta.clientFlags, meta.mode, meta.problem], [9, 'X', undefined])
    const next = metaOf('mg k')
    assert.deepEqual(
      [next.ttl, next.value, next.cas, next.delta],
      [undefined, false, undefined, 1n],
    )
  })

  test('decode a base64 key', () => {
    assert.equal(metaOf('mg Zm9vIGJhcg== b').key, 'foo bar')
    assert.equal(metaOf('mg /+8= b').key, '\xff\xef')
    assert.equal(metaOf('mg Zm9 b').problem, 'CLIENT_ERROR error decoding key')
    assert.equal(metaOf('mg ==== b').problem, 'CLIENT_ERROR error decoding key')
  })

  test('report the last of several problems', () => {
    assert.equal(metaOf('mg k Tx Dx').problem, 'CLIENT_ERROR invalid numeric delta value')
    assert.equal(metaOf('mg k Fx').problem, 'CLIENT_ERROR bad command line format')
    assert.equal(metaOf('mg k Tx v v').problem, 'CLIENT_ERROR duplicate flag')
    assert.equal(metaOf('mg k E1').problem, 'CLIENT_ERROR invalid flag')
  })
})

describe('itemBytes', () => {
  test('counts header, CAS, key, flags, value and line end as memcached does', () => {
    assert.equal(itemBytes(1, 0, 1), 61)
    assert.equal(itemBytes(1, 5, 3), 67)
    assert.equal(itemBytes(1, 0, 1, false), 53)
  })
})
