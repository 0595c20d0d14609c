import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MintringError } from '../../src/errors.ts'
import { ReplyParser } from '../../src/protocol/reply-parser.ts'
import { feed, parse } from './corpus.ts'

function refused(text: string, message: RegExp, replies = 0): void {
  const parser = new ReplyParser(() => {
    replies--
  })
  assert.throws(
    () => parser.push(Buffer.from(text, 'latin1')),
    (error) => {
      assert.ok(error instanceof MintringError)
      assert.equal(error.code, 'MINTRING_PROTOCOL')
      assert.match(error.message, message)
      return true
    },
  )
  assert.equal(replies, 0)
}

describe('a malformed reply causes one typed error with the position', () => {
  const lines: [string, RegExp][] = [
    ['\r\n', /^Unknown reply at byte 0: ""$/],
    ['\n', /^Unknown reply at byte 0: ""$/],
    ['X\r\n', /^Unknown reply at byte 0: "X"$/],
    ['HTTP/1.1 400 Bad Request\r\n', /^Unknown reply at byte 0: "HTTP\/1.1 400 Bad Request"$/],
    ['stored\r\n', /^Unknown reply/],
    ['STOREDX\r\n', /^Unknown reply/],
    ['STORED x\r\n', /^Unknown reply/],
    ['END\rX\r\n', /^Unknown reply at byte 0: "END\\rX"$/],
    ['\x00\x01"\\\xff\r\n', /^Unknown reply at byte 0: "\\x00\\x01\\"\\\\\\xff"$/],
    ['VERSIONX\r\n', /^Unknown reply/],
    ['HDX\r\n', /^Unknown reply/],
    ['VALUE\r\n', /^Unknown reply/],
    ['VALUE \r\n', /^Malformed reply line/],
    ['VALUE a\r\n', /^Malformed reply line/],
    ['VALUE a 0\r\n', /^Malformed reply line/],
    ['VALUE  0 1\r\nx\r\n', /^Malformed reply line/],
    ['VALUE a x 1\r\nx\r\n', /^Malformed number/],
    ['VALUE a -1 1\r\nx\r\n', /^Malformed number/],
    ['VALUE a 0 1 x\r\nx\r\n', /^Malformed number/],
    ['VALUE a 0 1 18446744073709551616\r\nx\r\n', /^Malformed number/],
    ['VALUE a 0 1 2 3\r\nx\r\n', /^Malformed reply line/],
    ['VALUE a 0 -1\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 NaN\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 1e3\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 1.5\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 9007199254740992\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 99999999999999999999999999\r\nx\r\n', /^Malformed value length/],
    ['VALUE a 0 9007199254740991\r\nx\r\n', /^Value of 9007199254740991 bytes, over maxValueBytes/],
    ['VALUE a 0 1073741824\r\nx\r\n', /^Value of 1073741824 bytes, over maxValueBytes 134217728,/],
    ['VA\r\n', /^Malformed value length/],
    ['VA \r\n', /^Malformed value length/],
    ['VA x\r\n', /^Malformed value length/],
    ['VA -1\r\n', /^Malformed value length/],
    ['VA 4294967296 t1\r\n', /^Value of 4294967296 bytes, over/],
    ['HD t-2\r\n', /^Malformed number/],
    ['HD t\r\n', /^Malformed number/],
    ['HD f1x\r\n', /^Malformed number/],
    ['HD c-1\r\n', /^Malformed number/],
    ['HD h2\r\n', /^Malformed number/],
    ['HD k\r\n', /^Malformed number|^Malformed reply line/],
    ['18446744073709551616\r\n', /^Malformed number/],
    ['12a\r\n', /^Malformed number/],
    ['1 2\r\n', /^Malformed number/],
    ['-1\r\n', /^Unknown reply/],
    ['STAT \r\n', /^Malformed reply line/],
    ['ME \r\n', /^Malformed reply line/],
    ['STORED\n', /^Line feed without carriage return at byte 0: "STORED"$/],
    ['VALUE a 0 1\nx\r\n', /^Line feed without carriage return/],
  ]
  for (const [text, message] of lines) {
    test(JSON.stringify(text), () => refused(text, message))
  }
  test('for a length that is wrong by one', () => {
    refused('VALUE a 0 2\r\nabc\r\n', /^Value not followed by CR LF: wrong byte at byte 15: "c"$/)
    refused('VALUE a 0 4\r\nabc\r\nEND\r\n', /wrong byte at byte 17: "\\n"$/)
    refused('VALUE a 0 2\r\nab\rX', /wrong byte at byte 16: "X"$/)
    refused('VA 2\r\nabc\r\n', /wrong byte at byte 8: "c"$/)
  })
  test('with the position counted from the first byte that the parser got', () => {
    refused('STORED\r\nVALUE a 0 3\r\nabc\r\nNOPE\r\n', /^Unknown reply at byte 26: "NOPE"$/, 2)
    const chunks = ['STO', 'RED\r\nVALUE a 0', ' 3\r\nab', 'c\r\nNO', 'PE\r\n'].map((piece) =>
      Buffer.from(piece),
    )
    assert.equal(feed(chunks).error, 'Unknown reply at byte 26: "NOPE"')
  })
  test('with the received bytes truncated in the message', () => {
    const { error } = parse(`${'y'.repeat(5000)}\r\n`)
    assert.equal(error, `Unknown reply at byte 0: "${'y'.repeat(48)}"…`)
  })
})

describe('the limits of a reply parser', () => {
  test('accept a line of maxLineBytes and refuse one byte more, however it is cut', () => {
    const limits = { maxLineBytes: 100 }
    const fits = `VERSION ${'1'.repeat(92)}\r\n`
    const over = `VERSION ${'1'.repeat(93)}\r\n`
    for (const size of [1, 2, 99, 100, 101, 102, 200]) {
      assert.equal(feed(cut(fits, size), limits).error, undefined)
      const shown = `"${over.slice(0, 48)}"…`
      const error = `Line over maxLineBytes 100 at byte 0: ${shown}`
      assert.equal(feed(cut(over, size), limits).error, error)
    }
  })
  test('refuse a line without an end once it is over the limit', () => {
    const { error, replies } = parse(`END\r\n${'E'.repeat(9000)}`)
    assert.match(error ?? '', /^Line over maxLineBytes 8192 at byte 5: "EEEE/)
    assert.equal(replies.length, 1)
  })
  test('accept a value of the limit and refuse one byte more', () => {
    const limits = { maxValueBytes: 4 }
    assert.equal(parse('VA 4\r\nabcd\r\n', limits).error, undefined)
    assert.match(
      parse('VA 5\r\nabcde\r\n', limits).error ?? '',
      /^Value of 5 bytes, over maxValueBytes 4, at/,
    )
  })
  test('use no memory for an announced gigabyte until its bytes arrive', () => {
    const parsers: ReplyParser[] = []
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 8; i++) {
      const parser = new ReplyParser(() => {}, { maxValueBytes: 2 ** 31 - 1 })
      parser.push(Buffer.from('VALUE a 0 1073741824\r\nsome bytes'))
      parsers.push(parser)
    }
    const grown = process.memoryUsage().arrayBuffers - before
    assert.ok(grown < 32 * 1024 * 1024, `${parsers.length} parsers took ${grown} bytes`)
  })
  test('are checked when the parser is made', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      for (const name of ['maxLineBytes', 'maxValueBytes']) {
        assert.throws(() => new ReplyParser(() => {}, { [name]: wrong }), {
          code: 'MINTRING_BAD_ARGUMENT',
        })
      }
    }
  })
})

function* cut(text: string, size: number): Generator<Buffer> {
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
